"""What is true on each host after a run was taken back: for the error that a person reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from windlass.plans.slots import HostState, States


@dataclass(frozen=True, slots=True)
class Truth:
    """What is true after a run was taken back: of each host in words, which releases serve, and whether a host is to be mended.

    known    whether every host has answered; of the others nobody can say what serves there
    """

    hosts: dict[str, str]
    serving: frozenset[str]
    partly: bool
    known: bool = True

    def serves(self, release: str) -> bool:
        """Whether every host has switched to it: then there is no way but forth, though something may be left to do."""
        return self.serving == {release} and self.known

    def way_on(self, release: str, otherwise: str) -> str:
        """What to do next, where what went wrong does not say it; `otherwise` if all was taken back."""
        if self.partly:
            return "the next deploy or rollback finishes or takes back the rest"
        return "invoke status shows how it is" if self.serves(release) else otherwise

    def is_unclear(self, release: str) -> bool:
        """Whether it may serve on every host or on none: none that answers serves another one."""
        return not self.known and self.serving <= {release}

    def __str__(self) -> str:
        return "; ".join(f"{host}: {said}" for host, said in self.hosts.items())


def truth_of(hosts: Iterable[str], states: States) -> Truth:
    """Of these hosts, of which some may not answer."""
    absent = "does not answer; the next run will finish or take back what it holds"
    said = {host: _said(states[host]) if host in states else absent for host in hosts}
    partly = len(states) < len(said) or any(state.progress for state in states.values())
    return Truth(said, frozenset(state.live_release for state in states.values()), partly, known=len(states) == len(said))


def _said(state: HostState) -> str:
    left = "; the next run will finish or take back the rest" if state.progress else ""
    return f"{state.live_release or 'nothing'} serves{left}"
