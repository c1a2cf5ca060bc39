"""What a check said of each operation beside what the run then did: where it said it knew, it must have been right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from windlass import events

UNKNOWN = "unknown until run"


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


def surprises(check: Witness) -> Mapping[str, int]:
    """How often each host's check said that only a run can tell."""
    return {host: sum(event.status == "unknown" for event in seen) for host, seen in check.seen.items()}


def _kept(said: events.OperationEnded, did: events.OperationEnded) -> bool:
    if said.status == "unknown" or UNKNOWN in said.diff:
        return said.status in ("unknown", did.status)
    return _told(said) == _told(did)


def _told(event: events.OperationEnded) -> str:
    return f"{event.status} {event.diff}".strip()
