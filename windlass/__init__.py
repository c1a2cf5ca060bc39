"""Windlass: deploy, roll back and back up your own servers over SSH."""

__version__ = "0.1.0"
