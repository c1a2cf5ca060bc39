"""Docker Compose on a host of its own: a stack, and an application that is deployed in containers."""
