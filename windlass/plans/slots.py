"""What an application's hosts say of their releases, and what follows: unchanged or not, where back to, what to prune."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from windlass.plans.layout import Slot, other


@dataclass(frozen=True, slots=True)
class Record:
    """What is remembered of a release, the same on every host. Times are seconds since 1970, 0 for never.

    state  prepared, live (is or was), failed (never served), bad (served and was rolled back)
    """

    release: str
    state: str = ""
    artefact: str = ""
    configuration: str = ""
    reference: str = ""
    commit: str = ""
    operator: str = ""
    created: float = 0.0
    live_at: float = 0.0
    why: str = ""
    migrations: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, release: str, values: Mapping[str, Any]) -> Record:
        known = {name: values[name] for name in cls.__dataclass_fields__ if name in values and name != "release"}
        known["migrations"] = tuple(known.get("migrations", ()))
        return cls(release=release, **known)


@dataclass(frozen=True, slots=True)
class Held:
    """What was started in a slot: the names of what takes requests and of the workers, where it listens, and what supervises it.

    The slot remembers it, for the inventory may since have renamed a process, or taken one away.

    drain, single  those of the workers that do not overlap with the ones of the next release
    """

    web: tuple[str, ...] = ()
    workers: tuple[str, ...] = ()
    listens: tuple[str, ...] = ()
    drain: tuple[str, ...] = ()
    single: tuple[str, ...] = ()
    supervisor: str = "pm2"

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Held:
        names = {name: tuple(values.get(name, ())) for name in cls.__dataclass_fields__ if name != "supervisor"}
        return cls(**names, supervisor=str(values.get("supervisor", "pm2")))


@dataclass(frozen=True, slots=True)
class HostState:
    """One host's answer to ReleaseState. `holder`: who is at work there now, for what, and since when, where that was asked."""

    host: str
    live: str
    slots: Mapping[str, str]
    records: Mapping[str, Record]
    releases: tuple[str, ...]
    progress: Mapping[str, Any] = field(default_factory=dict)
    free_bytes: int = 0
    held: Mapping[str, Held] = field(default_factory=dict)
    holder: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, host: str, data: Mapping[str, Any]) -> HostState:
        return cls(
            host=host,
            live=data["live"],
            slots={slot: entry["release"] for slot, entry in data["slots"].items() if entry.get("release")},
            records={name: Record.of(name, values) for name, values in data["records"].items()},
            releases=tuple(data["releases"]),
            progress=data["progress"],
            free_bytes=data["free_bytes"],
            held={slot: Held.of(entry) for slot, entry in data["slots"].items() if entry.get("release")},
            holder=data.get("holder", {}),
        )

    @property
    def live_release(self) -> str:
        """The release that serves on this host; empty if none does."""
        return self.slots.get(self.live, "")

    @property
    def idle(self) -> Slot:
        """The slot for the next release."""
        return other(self.live)

    def after(self, release: str, slot: str, at: float) -> HostState:
        """This host once a release that is here has gone live in a slot."""
        record = replace(self.records.get(release, Record(release)), state="live", live_at=at)
        return replace(self, live=slot, slots={**self.slots, slot: release}, records={**self.records, release: record})

    def slot_of(self, release: str) -> str:
        """The slot that holds a release; empty if none does."""
        return next((slot for slot, name in self.slots.items() if name == release), "")


States = Mapping[str, HostState]


def live_releases(states: States) -> set[str]:
    """The releases that serve now; more than one means that the hosts disagree."""
    return {state.live_release for state in states.values() if state.live_release}


def unchanged(states: States, artefact: str, configurations: Mapping[str, str]) -> bool:
    """Whether every host already serves one release, with this artefact and the configuration that is meant for the host."""
    for host, state in states.items():
        record = state.records.get(state.live_release)
        if record is None or (record.artefact, record.configuration) != (artefact, configurations[host]):
            return False
    return len(live_releases(states)) == 1


@dataclass(frozen=True, slots=True)
class Back:
    """A release that one can go back to. `warm`: every host still has it in a slot, so that the switch alone is enough."""

    release: str
    warm: bool


def ways_back(states: States) -> tuple[Back, ...]:
    """The releases one can go back to, the one that served last first.

    A release counts if it is whole on every host, served once, does not serve now, and was not taken back as bad.
    Where the hosts disagree, the newest of what they serve counts as what serves now.
    """
    everywhere = _on_all(states)
    records = _records(states)
    known = [records[name] for name in live_releases(states) if name in records]
    serving = {max(known, key=lambda record: (record.live_at, record.created, record.release)).release} if known else set()
    good = [
        record
        for name, record in records.items()
        if name in everywhere and name not in serving and record.live_at and record.state == "live"
    ]
    good.sort(key=lambda record: record.live_at, reverse=True)
    return tuple(Back(record.release, is_warm(states, record.release)) for record in good)


def is_warm(states: States, release: str) -> bool:
    """Whether every host has the release in a slot that does not serve, or serves it already."""
    return bool(states) and all(state.slot_of(release) for state in states.values())


def _on_all(states: States) -> set[str]:
    found = [set(state.releases) for state in states.values()]
    return set.intersection(*found) if found else set()


def _records(states: States) -> dict[str, Record]:
    merged: dict[str, Record] = {}
    for state in states.values():
        for name, record in state.records.items():
            if name not in merged or _rank(record) > _rank(merged[name]):
                merged[name] = record
    return merged


def _rank(record: Record) -> tuple[float, bool]:
    """Which of two hosts' records of a release counts: the later one, and of two from one run the one that says it is bad."""
    return record.live_at, record.state == "bad"


def moment(states: States, now: float) -> float:
    """The time at which a release goes live, in seconds since 1970: later than any before, also by another controller's clock."""
    return max([now, *(record.live_at + 1.0 for state in states.values() for record in state.records.values() if record.live_at)])


def records_of(states: States) -> tuple[Record, ...]:
    """Every release that any host remembers, newest first."""
    return tuple(sorted(_records(states).values(), key=lambda record: (record.created, record.release), reverse=True))


def prunable(state: HostState, keep: int) -> tuple[str, ...]:
    """The releases whose folders may go from a host: all but those in a slot and the `keep` newest that served.

    Failed ones go unless they are the newest: the newest failure is kept to be looked at.
    """
    in_slots = set(state.slots.values())
    served = [name for name in state.releases if _record(state, name).live_at]
    served.sort(key=lambda name: _record(state, name).live_at, reverse=True)
    failed = sorted((name for name in state.releases if _record(state, name).state == "failed"), reverse=True)
    kept = in_slots | set(served[:keep]) | set(failed[:1])
    return tuple(name for name in state.releases if name not in kept)


def _record(state: HostState, release: str) -> Record:
    return state.records.get(release) or Record(release)


@dataclass(frozen=True, slots=True)
class Between:
    """What lies between two releases besides code. Migrations are not undone by going back; a person must know of them."""

    migrations: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()


def between(states: States, newer: str, older: str) -> Between:
    """Migrations that the newer release brought, and environment variables that differ, by name."""
    records = _records(states)
    new, old = records.get(newer), records.get(older)
    if new is None or old is None:
        return Between()
    migrations = tuple(name for name in new.migrations if name not in old.migrations)
    names = sorted({*new.environment, *old.environment})
    return Between(migrations, tuple(name for name in names if new.environment.get(name) != old.environment.get(name)))


def resolve_release(states: States, wanted: str) -> Sequence[str]:
    """The releases that `wanted` may mean: an id, the end or the beginning of one, a commit, or a reference such as v2."""
    records = _records(states)
    if wanted in records:
        return [wanted]
    return [
        name
        for name, record in records.items()
        if name.startswith(wanted) or name.endswith(wanted) or record.commit.startswith(wanted) or record.reference == wanted
    ]
