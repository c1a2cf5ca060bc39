"""Backups on a real host with a real PostgreSQL."""
