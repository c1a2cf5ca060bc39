"""Helpers of the tests; they live in `windlass.testing`, where users have them, too."""

from windlass.testing.local import LocalSession, local_channel

__all__ = ["LocalSession", "local_channel"]
