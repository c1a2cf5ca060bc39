"""What is told of a backup that could not even begin: the environment could not be opened."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from windlass import events
from windlass.errors import UsageError
from windlass.flows.backups.attempts import What
from windlass.flows.backups.last_good import last_good
from windlass.flows.backups.vault import chosen_places
from windlass.flows.backups.watch import ONLY_IN_LAB, watched

Alarm = Callable[[Path, str, Exception], tuple[str, ...]]
"""Tells of an environment of a project that cannot be opened; what could not be told, for people."""


def alarm(what: What, name: str, store: str) -> Alarm:
    """Tells those whom the inventory named when it could last be read, that a backup, a drill or a prune failed."""

    def tell(project: Path, environment: str, error: Exception) -> tuple[str, ...]:
        told: list[events.Event] = []

        def fails() -> NoReturn:
            raise error

        workspace = last_good(project, environment) if environment != ONLY_IN_LAB else None
        if workspace is None:
            return ()
        with suppress(UsageError):  # there was no such backup
            for entry in chosen_places(workspace.environment, name, store):
                with suppress(type(error)):
                    watched(workspace, entry, what, fails, told.append)
        return tuple(each.text for each in told if isinstance(each, events.Note) and each.warning)

    return tell
