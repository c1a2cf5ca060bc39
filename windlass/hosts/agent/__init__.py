"""The agent as it travels: its text, how it is started, calls to it and what it answers."""
