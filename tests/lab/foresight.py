"""What a check said of each operation beside what the run then did: where it said it knew, it must have been right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from windlass import events
from windlass.hosts.agent.results import Result

UNKNOWN = "unknown until run"
Told = events.OperationEnded | Result


@dataclass(frozen=True)
class Witness:
    """Listens in on a run: the operations of each host in order, with what became of them."""

    seen: dict[str, list[events.OperationEnded]] = field(default_factory=dict)

    def __call__(self, event: events.Event) -> None:
        if isinstance(event, events.OperationEnded):
            self.seen.setdefault(event.host, []).append(event)


@dataclass(frozen=True)
class Lie:
    """An operation of which the check said one thing, and the run did another."""

    host: str
    title: str
    foreseen: str
    done: str


def lies(check: Witness, run: Witness) -> list[Lie]:
    """Where the run did not do what the check had said. Of what is `unknown until run` nothing was said."""
    return [
        Lie(host, said.title, _told(said), _told(did))
        for host, did_there in run.seen.items()
        for said, did in zip(check.seen.get(host, []), did_there, strict=True)
        if said.title != did.title or not _kept(said, did)
    ]


def untrue(foreseen: Sequence[Result], done: Sequence[Result]) -> list[tuple[str, str, str]]:
    """The same of the results of a batch."""
    return [
        (said.operation.title(), f"{said.status} {said.diff}", f"{did.status} {did.diff}")
        for said, did in zip(foreseen, done, strict=True)
        if not _kept(said, did)
    ]


def surprises(check: Witness) -> Mapping[str, int]:
    """How often each host's check said that only a run can tell."""
    return {host: sum(event.status == "unknown" for event in seen) for host, seen in check.seen.items()}


def _kept(said: Told, did: Told) -> bool:
    if said.status == "unknown" or UNKNOWN in said.diff:
        return said.status in ("unknown", did.status)
    return _told(said) == _told(did)


def _told(event: Told) -> str:
    return f"{event.status} {event.diff}".strip()
