"""The system's own `ssh` as the way in."""
