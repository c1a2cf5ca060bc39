"""Two versions of Windlass meet on a host: the one's agent is still at work there, and the other one's controller comes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.chaos.conftest import agents, let_go, lines, until_they_wait
from tests.chaos.controllers import Invoke, run_of
from tests.lab.conftest import TestHost
from tests.unit.sample_project import REPOSITORY
from tests.waiting import until

pytestmark = pytest.mark.lab

AGENTS = "pgrep -fc '^[^ ]*python3 .*windlass for'"
# What differs between versions: the agent's text, the frames on the wire, what a journal says beyond what is known here.
CHANGES = {
    "__init__.py": ('__version__ = "', '__version__ = "0.0.'),
    "agent/core/frames.py": ('HELLO, CALL, START, RESULT, DONE = b"H"', 'HELLO, CALL, RESULT, START, DONE = b"h"'),
    "agent/core/journal.py": ('{"begun": index}', '{"begun": index, "by": "another version"}'),
}


@pytest.fixture(scope="module")
def another(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of another version."""
    checkout = tmp_path_factory.mktemp("another")
    shutil.copytree(REPOSITORY / "windlass", checkout / "windlass")
    for name in ("tasks.py", "roles", "templates"):
        (checkout / name).symlink_to(REPOSITORY / name)
    for name, (ours, theirs) in CHANGES.items():
        path = checkout / "windlass" / name
        text = path.read_text()
        assert text.count(ours) == 1, f"{name} has changed: what is to differ in another version?"
        path.write_text(text.replace(ours, theirs))
    return checkout


@pytest.mark.parametrize("first", ["another", "this"])
def test_a_run_of_another_version_keeps_others_out_and_is_gone_on_with(
    first: str, another: Path, hosts: dict[str, TestHost], invoke: Invoke, tmp_path: Path
) -> None:
    """While its controller lives, another environment that has the same hosts is told who is there, and changes nothing. When it
    is dead, the other version goes on: the agent of before finishes what it is at, nothing runs twice, nothing is left."""
    theirs, ours = (another, REPOSITORY) if first == "another" else (REPOSITORY, another)
    process = invoke(checkout=theirs)
    until_they_wait(hosts)
    run = run_of(tmp_path)

    second = invoke(checkout=ours, env="production")
    _output, refused = second.communicate(timeout=300)
    process.kill()
    process.communicate()
    resumed = invoke("--resume", run, checkout=ours)
    until(lambda: all(host.shell(AGENTS).split() == ["2"] for host in hosts.values()))
    let_go(hosts)
    _output, errors = resumed.communicate(timeout=300)

    assert second.returncode == 4, refused
    assert all(f"{name}: setup is locked by " in refused for name in hosts)
    assert "): setup --env staging" in refused
    assert "then run the same again" in refused
    assert resumed.returncode == 0, errors
    assert "changed since: Windlass itself (" in errors
    assert [lines(host, "ran") for host in hosts.values()] == [["one", "two", "three"]] * 2
    until(lambda: not any(agents(host) for host in hosts.values()))
