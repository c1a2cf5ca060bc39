"""Labs for tests: booted by name, handed out as targets, taken away at the end."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab.suite.project import NAME, Suite, raise_suite
from windlass import lab
from windlass.flows.twin import labs_folder
from windlass.hosts.target import Target
from windlass.values import Command


@dataclass(frozen=True)
class TestHost:
    """A lab host as tests use it: the way in for the toolkit, and a shell as root beside it, which needs neither SSH nor agent."""

    __test__ = False

    target: Target
    machine: lab.LabHost

    def shell(self, script: str) -> str:
        """What a shell script prints; one that fails fails the test."""
        answer = lab.run_inside(self.machine, Command.of("/bin/sh", "-ec", script), limit=300)
        assert answer.code == 0, f"{script}\n{answer.text}\n{answer.stderr.decode(errors='replace')}"
        return answer.text


# The files that take longest begin first, so that no process of the tests is left alone with one of them at the end.
LONGEST = ("test_demo", "test_deploy", "test_python", "test_broken_runs", "test_s3", "test_twins", "test_firewall", "test_roles")
LabHosts = Callable[[str, Sequence[str]], dict[str, TestHost]]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        return LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST)

    items.sort(key=rank)


@pytest.fixture(scope="module")
def lab_hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabHosts]:
    """`lab_hosts(name, ["a", "b"])` boots a lab of this name with these hosts; it goes when the module's tests are over."""
    root = tmp_path_factory.mktemp("labs")
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


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """The three hosts of `tests/lab/suite`, set up; they go when all tests are over."""
    folder = tmp_path_factory.mktemp("project")
    try:
        yield raise_suite(folder)
    finally:
        lab.down(NAME, root=labs_folder(folder), say=_silent)
