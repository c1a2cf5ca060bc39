"""The secrets of one run: each is looked up once, and all that exist are known, so that nothing shows them by mistake."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Collection, Mapping
from pathlib import Path

from windlass.errors import InventoryError
from windlass.inventory import Environment
from windlass.inventory.secrets import LocalSecrets, local_secrets
from windlass.values import Secret

GENERATED_LENGTH = 32


class KnownSecrets:
    """A source of secrets that gives the same value throughout a run. Threads may share it."""

    def __init__(self, source: LocalSecrets) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._values = _existing(source)
        self._all = tuple(self._values.values())
        self._asked: dict[str, Secret] = {}

    def get(self, name: str) -> Secret:
        """The value. Raises UsageError for a name that is not declared, InventoryError when there is no value."""
        with self._lock:
            if name not in self._values:
                self._values[name] = self._source.get(name)
                self._all = tuple(self._values.values())
            return self._asked.setdefault(name, self._values[name])

    def asked(self) -> Mapping[str, Secret]:
        """Those that somebody has asked for up to now, by name."""
        with self._lock:
            return dict(self._asked)

    def sources(self) -> Mapping[str, str]:
        """For each secret that has a value, where it comes from. Raises InventoryError when a file cannot be read."""
        return self._source.sources()

    def known(self, without: Collection[str] = ()) -> tuple[Secret, ...]:
        """All values that exist by now but for those of some names, whether or not anybody asked for them: hosts' output may hold
        any of them."""
        if not without:
            return self._all  # the same tuple as long as there are no others: what is shown is looked through for each event
        with self._lock:
            return tuple(value for name, value in self._values.items() if name not in without)


def real_secrets(environment: Environment) -> KnownSecrets:
    """The environment's own."""
    return KnownSecrets(local_secrets(environment))


def twin_secrets(environment: Environment, file: Path, *, committed: bool = False) -> KnownSecrets:
    """Made up for the environment's twin in the lab, all of them, in a file of its own: a rehearsal gets no real secret.

    Only where there is nothing but the lab, the `committed` ones count.
    """
    declared = {
        name: entry.model_copy(update={"generate": entry.generate or GENERATED_LENGTH})
        for name, entry in environment.secrets.items()
    }
    own = local_secrets(environment)
    source = dataclasses.replace(own, declared=declared, file=file, surroundings={}, committed=own.committed if committed else None)
    return KnownSecrets(dataclasses.replace(source, shown_as=str(file.relative_to(environment.project))))


def _existing(source: LocalSecrets) -> dict[str, Secret]:
    """Every declared secret that has a value; none is made up here, and faults wait until a secret is needed."""
    try:
        return source.available()
    except InventoryError:  # of a file, which need not matter for all of them
        return _readable(source)


def _readable(source: LocalSecrets) -> dict[str, Secret]:
    """Those that can be had although others cannot."""
    declared = {name: entry.model_copy(update={"generate": None}) for name, entry in source.declared.items()}
    asked = dataclasses.replace(source, declared=declared)
    values: dict[str, Secret] = {}
    for name in declared:
        with contextlib.suppress(InventoryError):
            values[name] = asked.get(name)
    return values
