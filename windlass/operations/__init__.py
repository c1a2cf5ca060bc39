"""What can be asked of a host: frozen values, one module per family. `windlass/agent` has the same modules and does it."""
