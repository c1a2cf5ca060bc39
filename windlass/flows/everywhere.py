"""One command on many hosts, and what each of them answered; the same answers together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from windlass import events
from windlass.errors import FlowFailed, HostError, OperationFailed, WindlassError
from windlass.hosts.agent.results import Result
from windlass.operations.command import Run
from windlass.operations.wire import Batch
from windlass.plans.rounds import FailurePolicy, halt, rounds

if TYPE_CHECKING:
    from windlass.flows.workspace import Workspace
    from windlass.inventory import Host

CONTINUE = FailurePolicy()


@dataclass(frozen=True, slots=True)
class Answer:
    """What the command came to on a host; hosts of the same answer are told together. `status` is None where it did not run."""

    status: int | None = None
    output: str = ""
    errors: str = ""


@dataclass(frozen=True, slots=True)
class Answers:
    """All hosts that were asked, in the inventory's order. `failures` are the hosts where it could not run, or ended badly."""

    answers: Mapping[str, Answer]
    failures: Mapping[str, HostError] = field(default_factory=dict)
    halted: str = ""

    def groups(self) -> list[tuple[tuple[str, ...], Answer]]:
        """Hosts with the same answer together, the largest group first; those where nothing ran are left out."""
        found: dict[Answer, list[str]] = {}
        for host, answer in self.answers.items():
            if answer.status is not None:
                found.setdefault(answer, []).append(host)
        return [(tuple(hosts), answer) for answer, hosts in sorted(found.items(), key=lambda item: -len(item[1]))]

    def error(self) -> WindlassError | None:
        """None when the command ran and succeeded everywhere; the host's own error where only one was asked."""
        if not self.failures:
            return None
        if len(self.answers) == 1:
            return next(iter(self.failures.values()))
        return FlowFailed(
            f"it failed on {len(self.failures)} of {len(self.answers)} hosts",
            last_lines=[self.halted] if self.halted else [],
            hosts={host: self._state(host) for host in self.answers},
            partly=any(answer.status == 0 for answer in self.answers.values()),
            hint="; ".join(dict.fromkeys(error.hint for error in self.failures.values() if error.hint)),
        )

    def _state(self, host: str) -> str:
        if host in self.failures:
            return self.failures[host].message
        return "not asked" if self.answers[host].status is None else "done"


def run_everywhere(
    workspace: Workspace,
    hosts: Sequence[Host],
    operation: Run,
    *,
    check: bool = False,
    policy: FailurePolicy = CONTINUE,
    listener: events.Listener = events.nobody,
) -> Answers:
    """Run a command on each host, each as the policy says. With `check` the hosts are only called, and nothing runs."""
    batch = Batch((operation,), check=check, go_on=True, journal="" if check else workspace.run)
    outcomes: dict[str, tuple[Result, ...] | HostError] = {}
    halted = ""
    names = tuple(host.name for host in hosts)
    with workspace.crew(hosts, listener) as crew:
        for these in rounds(names, policy):
            if stopped := halt(len(_failures(outcomes)), len(names), policy):
                halted = stopped.reason
                break
            listener(events.StepStarted("run", these))
            outcomes |= crew.run(dict.fromkeys(these, batch))
    answers = {name: _answer(outcomes.get(name)) for name in names}
    return Answers(answers, _failures(outcomes), halted)


def _answer(outcome: tuple[Result, ...] | HostError | None) -> Answer:
    if outcome is None or isinstance(outcome, HostError) or not outcome:
        return Answer()
    data = outcome[0].data
    return Answer(data.get("status"), data.get("output", ""), data.get("errors", ""))


def _failures(outcomes: Mapping[str, tuple[Result, ...] | HostError]) -> dict[str, HostError]:
    found: dict[str, HostError] = {}
    for host, outcome in outcomes.items():
        if isinstance(outcome, HostError):
            found[host] = outcome
        elif outcome and outcome[0].failed:
            result = outcome[0]
            message = f"{result.message} on {host}"
            found[host] = OperationFailed(message, host=host, tried=result.operation.title(), hint=result.hint)
    return found
