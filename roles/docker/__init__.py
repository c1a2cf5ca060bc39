"""Docker and Compose, for applications with `runtime: compose`."""
