"""What docs/writing-a-role.md and docs/testing.md show is taken out of the pages and run."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tests.unit.sample_project import REPOSITORY, run_tasks, surroundings
from windlass.hosts.many.fleet import Fleet
from windlass.operations.file import File
from windlass.operations.wire import Batch
from windlass.testing.local import local_channel
from windlass.testing.recording import RecordingHost, operations_of

BLOCK = re.compile(r"^```\w+\n(?:#|\{#) file: (\S+?)(?: #\})?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The files of both pages, where the pages say."""
    return written(tmp_path, "writing-a-role.md", "testing.md")


def written(folder: Path, *pages: str) -> Path:
    for page in pages:
        for name, text in BLOCK.findall((REPOSITORY / "docs" / page).read_text()):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return folder


def test_the_role_of_the_page_is_checked_by_the_real_agent_without_a_change_of_ours(project: Path) -> None:
    checked = run_tasks(project, "inventory.check", "--env", "staging")
    web1, web2 = (operations_of(project, "staging", name) for name in ("web1", "web2"))
    channel = local_channel()
    results = channel.run(Batch(web1, check=True))
    channel.close()

    assert (checked.returncode, checked.stdout) == (0, "staging: good (2 hosts, 1 group)\n")
    assert [operation.title() for operation in web1] == ["file /etc/motd from template greeting/motd.j2", "directory /srv/notes"]
    assert "You are at the edge." in web2[0].content()  # type: ignore[attr-defined]
    assert not any(result.failed for result in results)


def test_a_misspelt_setting_of_the_page_is_found_with_its_line(project: Path) -> None:
    path = project / "inventories/staging/hosts.yml"
    path.write_text(path.read_text().replace("{text: You", "{txt: You"))
    fault = json.loads(run_tasks(project, "inventory.check", "--env", "staging", "--json").stdout)["error"]

    assert any("hosts.yml:7" in line and "txt" in line for line in fault["last_lines"])


def test_the_tests_of_the_page_pass(project: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "windlass.testing.plugin", "-p", "no:cacheprovider", "tests"]
    alone = surroundings(project) | {"PYTHONPATH": f"{REPOSITORY}:{project}", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=project, env=alone, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 passed" in done.stdout


def test_the_inventory_of_a_compose_stack_is_good_as_the_page_has_it(tmp_path: Path) -> None:
    stack = written(tmp_path, "compose.md") / "stacks/shop"
    stack.mkdir(parents=True)
    (stack / "compose.yml").write_text("services: {}\n")
    checked = run_tasks(tmp_path, "inventory.check", "--env", "staging")
    wanted = operations_of(tmp_path, "staging", "server1")

    assert (checked.returncode, checked.stdout) == (0, "staging: good (1 host, 1 secret)\n")
    assert [each.title() for each in wanted][-3:] == [
        "tree shop in /srv/shop",
        "file /srv/shop/.env",
        "the stack as its folder says",
    ]


def test_the_package_registers_its_fixtures() -> None:
    found = {entry.name: entry.value for entry in entry_points(group="pytest11")}

    assert found["windlass"] == "windlass.testing.plugin"


def test_a_recording_host_stands_behind_a_fleet() -> None:
    host = RecordingHost(status="ok", facts={"codename": "trixie"})
    with Fleet([host.target("a"), host.target("b")], opener=host.open) as fleet:
        outcomes = fleet.run_same(["a", "b"], [File(path="/etc/x", content="1\n")])

        assert fleet.channel("a").facts["codename"] == "trixie"
    assert {name: [result.status for result in results] for name, results in outcomes.items()} == {"a": ["ok"], "b": ["ok"]}  # type: ignore[union-attr]
    assert [(each.kind, each.check) for each in host.asked] == [("file.file", False)] * 2
