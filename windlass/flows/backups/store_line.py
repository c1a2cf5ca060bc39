"""The link to a host that stores backups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from windlass import events
from windlass.errors import BackupError, HostError
from windlass.flows.steps import notes_only
from windlass.operations.wire import Batch

if TYPE_CHECKING:
    from windlass.flows.workspace import Workspace
    from windlass.operations.operation import Operation
    from windlass.stores.host import Line, Sink


def store_line(workspace: Workspace, host: str, listener: events.Listener) -> Line:
    """Opens the link to one host for a block; the host's faults are those of the store: BackupError. `listener`: of its notes."""

    @contextmanager
    def opened() -> Iterator[Any]:
        with workspace.fleet([host], notes_only(listener)) as fleet:

            def run(operation: Operation, sink: Sink | None = None) -> Mapping[str, Any]:
                try:
                    (result,) = fleet.channel(host).run(Batch((operation,)), sink)
                except HostError as error:
                    raise BackupError(error.message, host=host, hint=error.hint, last_lines=error.last_lines) from error
                return result.data

            yield run

    return opened
