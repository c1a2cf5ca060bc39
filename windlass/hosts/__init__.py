"""Reaching hosts: connections, the channel to the agent, many hosts at once, locks."""
