"""Docker and Compose, for applications in containers and for stacks."""
