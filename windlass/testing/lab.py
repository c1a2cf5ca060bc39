"""Real hosts for tests: labs booted by name, handed out as targets, taken away at the end."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from windlass import lab
from windlass.hosts.common.target import Target
from windlass.values import Command


@dataclass(frozen=True)
class TestHost:
    """A lab host as tests use it: the way in for the toolkit, and a shell as root beside it, which needs neither SSH nor agent."""

    __test__ = False

    target: Target
    machine: lab.LabHost

    def shell(self, script: str) -> str:
        """What a shell script prints; one that fails fails the test."""
        return shell(self.machine, script)


def shell(machine: lab.LabHost, script: str, *, program: str = "/bin/sh", given: bytes = b"", limit: float = 300.0) -> str:
    """What a shell script prints that runs as root on a lab host, without SSH. One that fails fails the test.

    program  which shell
    given    what the script can read
    limit    the most seconds that it may take
    """
    answer = lab.run_inside(machine, Command.of(program, "-ec", script), given, limit)
    assert answer.code == 0, f"{script}\n{answer.text}\n{answer.stderr.decode(errors='replace')}"
    return answer.text


LabHosts = Callable[[str, Sequence[str]], dict[str, TestHost]]


@contextlib.contextmanager
def labs(root: Path) -> Iterator[LabHosts]:
    """`hosts(name, ["a", "b"])` boots a lab of this name with these hosts; all go when the block is left."""
    with contextlib.ExitStack() as stack:

        def hosts(name: str, names: Sequence[str]) -> dict[str, TestHost]:
            stack.callback(lab.down, name, root=root, say=_silent)
            running = lab.up(lab.LabSpec(name, tuple(lab.HostSpec(each) for each in names)), root=root, say=_silent)
            return {each: TestHost(_target(running, each), running.hosts[each]) for each in names}

        yield hosts


def _silent(_line: str) -> None:
    """Tests read results, not progress."""


def _target(running: lab.Lab, name: str) -> Target:
    host = running.hosts[name]
    return Target(
        name=name,
        address=host.address,
        user=host.user,
        port=host.port,
        private_key=running.private_key,
        known_hosts=Path(running.known_hosts),
    )
