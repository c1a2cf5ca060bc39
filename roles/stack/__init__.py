"""A stack of Docker Compose: its folder and its secrets on the host; what changed is started anew by Compose."""
