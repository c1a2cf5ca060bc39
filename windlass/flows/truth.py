"""What is true on each host after a run was taken back: for the error that a person reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from windlass.plans.slots import HostState, States


@dataclass(frozen=True, slots=True)
class Truth:
    """What is true after a run was taken back: of each host in words, which releases serve, and whether a host is to be mended."""

    hosts: dict[str, str]
    serving: frozenset[str]
    partly: bool

    def serves(self, release: str) -> bool:
        """Whether the run could only be brought to its end: every host had switched."""
        return self.serving == {release} and not self.partly

    def __str__(self) -> str:
        return "; ".join(f"{host}: {said}" for host, said in self.hosts.items())


def truth_of(hosts: Iterable[str], states: States) -> Truth:
    """Of these hosts, of which some may not answer."""
    absent = "does not answer; the next run will finish or take back what it holds"
    said = {host: _said(states[host]) if host in states else absent for host in hosts}
    partly = len(states) < len(said) or any(state.progress for state in states.values())
    return Truth(said, frozenset(state.live_release for state in states.values()), partly)


def _said(state: HostState) -> str:
    left = "; the next run will finish or take back the rest" if state.progress else ""
    return f"{state.live_release or 'nothing'} serves{left}"
