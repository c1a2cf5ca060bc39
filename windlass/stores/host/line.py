"""The way to the host that stores, as the store needs it; who knows hosts gives it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from windlass.operations.operation import Operation

Sink = Callable[[int, memoryview], None]


class Run(Protocol):
    """Has operations done on the host that stores."""

    def __call__(self, operation: Operation, sink: Sink | None = None) -> Mapping[str, Any]:
        """The operation's data; `sink` gets its stream. Raises BackupError, also where the host is not reached."""


Line = Callable[[], AbstractContextManager[Run]]
"""Opens the link for a block. What listens on the host listens no longer than that."""
