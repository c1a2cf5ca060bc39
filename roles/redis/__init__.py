"""Debian's Redis, kept on disk, for queues and caches of the applications."""
