"""How a batch of operations becomes what the agent reads: plain JSON, secrets marked, files by checksum."""

from __future__ import annotations

import base64
import dataclasses
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from windlass.errors import UsageError
from windlass.operations.local_tree import MANY, LocalTree
from windlass.operations.operation import LocalFile, Operation
from windlass.values import Command, Secret

MOST_KEPT: Final = 8  # batches that are kept as they were described

_encoding = threading.Lock()


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Operations for a host, in order; or for several that share it.

    check   only say what would change
    go_on   a failed operation does not keep the later ones from running
    journal the run whose journal on the host says what is done already; empty: none is kept
    secrets what must not be shown should a program print it, besides the secrets in the operations themselves
    alone   a lock that the host holds while it is at this, together with its journal: name, holder and purpose
    before  of the first operations, which an earlier call did: whether each changed something. They are not done again
    until   only the operations before this place are done by this call; all if None
    along   contents that the host is sure to want: if they are small, they travel with the call, and nobody waits for a question
    """

    operations: tuple[Operation, ...]
    check: bool = False
    go_on: bool = False
    secrets: tuple[Secret, ...] = ()
    journal: str = ""
    alone: Mapping[str, str] = field(default_factory=dict)
    before: tuple[bool, ...] = ()
    until: int | None = None
    along: tuple[LocalFile, ...] = ()

    @property
    def asked(self) -> tuple[Operation, ...]:
        """The operations that this call is to do."""
        return self.operations[len(self.before) : self.until]


@dataclass(frozen=True, slots=True, eq=False)
class EncodedBatch:
    """A batch as it travels: the call's body, and the local files and trees the host may ask for by checksum."""

    body: Mapping[str, Any]
    files: Mapping[str, Path | LocalTree]


def encode(batch: Batch) -> EncodedBatch:
    """Describe a batch for the agent, once for all hosts that share it.

    Raises UsageError if an operation refers to one that is not before it in the batch.
    """
    with _encoding:  # or all that are called at once would do it each
        return _encoded(batch)


@lru_cache(maxsize=MOST_KEPT)
def _encoded(batch: Batch) -> EncodedBatch:
    secrets: set[str] = set()
    files: dict[str, Path | LocalTree] = {}
    _plain(batch.secrets, secrets, files)
    described = [_describe(operation, batch.operations, index, secrets, files) for index, operation in enumerate(batch.operations)]
    for operation in described:
        for reaction, watched in operation["notified_by"].items():
            for index in watched:
                described[index]["notifies"].append(f"{operation['identity']} {reaction}")
    body = {
        "operations": described[: batch.until],
        "before": list(batch.before),
        "check": batch.check,
        "go_on": batch.go_on,
        "secrets": sorted(secrets, key=len, reverse=True),
        **({"alone": dict(batch.alone)} if batch.alone else {}),
    }
    return EncodedBatch(body, files)


def _describe(
    operation: Operation, operations: Sequence[Operation], index: int, secrets: set[str], files: dict[str, Path | LocalTree]
) -> dict[str, Any]:
    watched = operation.watched()
    return {
        "kind": operation.kind(),
        "arguments": {name: _plain(value, secrets, files) for name, value in operation.arguments().items()},
        "only_after": _indexes(operation.only_after, operations, index),
        "notified_by": {reaction: _indexes(wanted, operations, index) for reaction, wanted in watched.items()},
        "notifies": [],
        "identity": f"{operation.kind()} {operation.title()}" if watched else "",
    }


def check_order(operations: Sequence[Operation]) -> None:
    """Raises UsageError if an operation refers to one that is not before it."""
    for index, operation in enumerate(operations):
        for wanted in (operation.only_after, *operation.watched().values()):
            _indexes(wanted, operations, index)


def _indexes(wanted: Iterable[Operation], operations: Sequence[Operation], index: int) -> list[int]:
    try:
        return [operations.index(operation, 0, index) for operation in wanted]
    except ValueError:
        raise UsageError(
            f"{operations[index].title()} refers to an operation that does not come before it",
            hint="in the steps of its role, give the other one first (and give it at all)",
        ) from None


def _offered(content: LocalFile | LocalTree, files: dict[str, Path | LocalTree]) -> dict[str, Any]:
    """Content by its checksum, and noted as what the host may ask for."""
    if isinstance(content, LocalFile):
        files[content.checksum] = content.path
        return {"checksum": content.checksum, "size": content.size}
    files[content.digest] = content
    own = {"digest": content.digest, "skipped": content.skipped}
    return own if len(content.entries) >= MANY else {**own, "description": base64.b64encode(content.packed()).decode()}


def _plain(value: object, secrets: set[str], files: dict[str, Path | LocalTree]) -> Any:
    """JSON for a field's value. A secret travels inside `{"secret": …}`, a local file as `{"checksum": …, "size": …}`."""
    if value is None or isinstance(value, (str, int, float)):  # nearly all are
        return value
    if isinstance(value, Secret):
        secrets.update(value.shapes())
        return {"secret": value.reveal()}
    if isinstance(value, (LocalFile, LocalTree)):
        return _offered(value, files)
    if isinstance(value, Command):
        return [_plain(argument, secrets, files) for argument in value.arguments]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item, secrets, files) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item, secrets, files) for item in value]
    raise TypeError(f"{type(value).__name__} cannot be part of an operation")
