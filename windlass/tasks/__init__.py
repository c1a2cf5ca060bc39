"""The tasks that a person types: each parses, opens what it needs, calls a flow and shows the result; no more."""
