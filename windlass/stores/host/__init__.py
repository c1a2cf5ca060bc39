"""Backups in a folder of another host of the inventory."""

from windlass.stores.host.line import Line, Sink
from windlass.stores.host.store import HostStore

__all__ = ["HostStore", "Line", "Sink"]
