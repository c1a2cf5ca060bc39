"""Is a slot fit to serve? Is it still used? Questions about running processes, answered on the host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from windlass.operations.operation import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """A request that a healthy process answers: with this status, this text in it, this release id under this JSON key."""

    path: str
    status: int = 200
    contains: str = ""
    release_key: str = ""
    release: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Containers:
    """What an instance is whose launcher only starts containers: services of a project of Docker Compose's."""

    project: str
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One process of a slot, as the host can recognise it.

    run      the path that its launcher's files share: `<run>.pid` (process id) and `<run>.starts` (a byte for each start)
    folder   the release it must run in
    listen   the unix socket (absolute path) or the address:port it listens on; empty if it does not
    log      where its output goes, for the last words of one that fails
    containers  the containers that it is, if it is some: they have to run, and what it listens on has to be theirs
    """

    name: str
    run: str
    folder: str
    listen: str = ""
    log: str = ""
    health: Health | None = None
    containers: Containers | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate(Operation):
    """Wait until every instance is fit to serve, and stays so for `stable_seconds` without a restart.

    Fit: the process runs in its release's folder, the socket it should listen on is its own (or a child's), and it answers its
    health request with the right release. Fails past `limit_seconds`, at once when one keeps crashing, with its last log lines.
    """

    family: ClassVar[str] = "gate"

    instances: tuple[Instance, ...]
    limit_seconds: float
    stable_seconds: float

    def title(self) -> str:
        return "gate: identity and stability"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspect(Operation):
    """Look at instances once.

    Data: for each name `pid`, `running`, `healthy`, `why`, `uptime`, `starts`, `connections`, and, with its children, `memory`
    (bytes) and `cpu` (percent of one core over `sample_seconds`; 0 without).
    """

    family: ClassVar[str] = "gate"

    instances: tuple[Instance, ...]
    sample_seconds: float = 0.0

    def title(self) -> str:
        return "look at the processes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain(Operation):
    """Wait until nobody is connected to these sockets or address:ports. Data: `left`, connections still open at the limit.

    It counts as a change if some are left, so that what is to become of them can be said by `only_after`.

    quiet_seconds  for so long nobody may have been
    """

    family: ClassVar[str] = "gate"

    listens: tuple[str, ...]
    limit_seconds: float
    quiet_seconds: float = 0.0

    def title(self) -> str:
        return "drain the old slot"
