"""A Python application on a host of its own, under systemd."""
