"""Labs for tests: booted by name, handed out as targets, taken away at the end; see `windlass.testing.lab`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.lone import Lone
from tests.lab.suite.project import NAME, Suite, raise_suite
from windlass import lab
from windlass.flows.twin import labs_folder
from windlass.hosts import line
from windlass.hosts.many import fleet
from windlass.testing.lab import LabHosts, TestHost
from windlass.testing.plugin import lab_hosts

__all__ = ["LabHosts", "TestHost", "lab_hosts"]

# The files that take longest begin first, so that no process of the tests is left alone with one of them at the end. Those that
# mostly wait (for a link that is cut, a controller that is gone, a disk) stand among those that keep the processors busy, and begin
# early, too: side by side at the end they left a third of the processors idle.
LONGEST = (
    "test_demo",
    "test_python",
    "test_interpreters",
    "test_deploy",
    "test_stack",
    "test_blue_green",
    "test_parts",
    "test_operations",
    "test_broken_runs",
    "test_workers",
    "test_s3",
    "test_twins",
    "test_lab",
    "test_roles",
    "test_roles_balancing",
    "test_roles_services",
    "test_controller",
    "test_sealed",
    "test_restore",
    "test_backup",
    "test_certificates",
    "test_answers",
    "test_grade",
    "test_proof",
    "test_libssh2",
    "test_firewall",
    "test_connection",
    "test_fanout",
    "test_lockout",
    "test_line",
    "test_habits",
    "test_controller_clock",
    "test_host_store",
    "test_sshd",
    "test_drill",
    "test_ends",
    "test_steps",
    "test_openssh",
    "test_bootstrap",
)

# What stands on several releases finds them when the other tests of its file have deployed theirs, and what waits for a minute of
# cron's finds it past; alone they make them, and wait, themselves.
LATE = {"test_an_older_release_is_started_anew", "test_cron_itself_runs_what_is_live_once_a_minute_on_the_first_host_alone"}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        return LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST)

    items.sort(key=lambda item: (rank(item), item.name in LATE))


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """The three hosts of `tests/lab/suite`, set up; they go when all tests are over."""
    folder = tmp_path_factory.mktemp("project")
    try:
        yield raise_suite(folder)
    finally:
        lab.down(NAME, root=labs_folder(folder), say=_silent)


@pytest.fixture
def lone(suite: Suite) -> Iterator[Lone]:
    """The suite's application of one host, at rest."""
    found = Lone(suite)
    if not found.shell("readlink -e /srv/lone/live || true") or not found.is_at_rest():
        found.deploy("good")
    yield found
    lab.thaw(found.host)
    found.let_go()
    found.shell("umount /srv/lone/slots/* /srv/lone/records 2>/dev/null || true")


@pytest.fixture
def impatient(lone: Lone, monkeypatch: pytest.MonkeyPatch) -> None:
    """Patience as it is, only shorter."""
    monkeypatch.setattr(line, "SILENCE_LIMIT", 8.0)
    monkeypatch.setattr(fleet, "PING_EVERY", 0.3)
    lone.give_up_soon()


def _silent(_line: str) -> None:
    """Tests read results, not progress."""
