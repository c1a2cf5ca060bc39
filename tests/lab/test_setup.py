"""From `lab.up` to `setup` and back, through the real program on real hosts, one of them behind a jump host."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.sample_project import run_tasks, surroundings, write_project
from windlass import lab
from windlass.values import Command

pytestmark = pytest.mark.lab

HOSTS = """\
environment: {user: deploy}
hosts:
  web1: {address: 192.0.2.10}
  web2: {address: 192.0.2.11, port: 2222, jump: web1}
  web3: {address: 192.0.2.12}
groups:
  all: {roles: [greeting]}
secrets:
  token: {description: given by a provider}
"""
STEPS = """\
from windlass.operations.command import Run
from windlass.operations.file import File
from windlass.values import Command


def steps(host, settings):
    wanted = [
        File(path="/etc/motd", content=host.template("greeting/motd").replace("@", settings.text)),
        File(path="/etc/token", content=host.secret("token"), mode="0600"),
    ]
    if settings.text == "wait":
        wanted.append(Run(command=Command.of("sh", "-c", "echo $$ > /run/waiting; echo it waits; exec sleep 600")))
    return wanted
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = write_project(tmp_path_factory.mktemp("project"))
    (folder / "inventories/staging/hosts.yml").write_text(HOSTS)
    (folder / "roles/greeting/steps.py").write_text(STEPS)
    try:
        yield folder
    finally:
        lab.down("staging", root=folder / ".windlass/labs", say=lambda _line: None)


@pytest.fixture(scope="module")
def running(project: Path) -> lab.Lab:
    done = run_tasks(project, "lab.up", "--env", "staging", "--json")
    assert done.returncode == 0, done.stderr
    assert list(json.loads(done.stdout)["result"]["hosts"]) == ["web1", "web2", "web3"]
    return lab.load("staging", root=project / ".windlass/labs")


@pytest.fixture
def greeting(project: Path, running: lab.Lab) -> Iterator[Path]:
    """The role's defaults, put back after the test; the hosts are as the role says before it."""
    path = project / "roles/greeting/defaults.yml"
    before = path.read_text()
    assert setup(project)["exit_code"] == 0
    yield path
    path.write_text(before)


def setup(project: Path, *more: str) -> dict[str, Any]:
    done = run_tasks(project, "setup", "--env", "staging", "--lab", "--json", *more)
    document: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == document["exit_code"]
    return document


def inside(running: lab.Lab, host: str, *words: str) -> str:
    return lab.run_inside(running.hosts[host], Command.of(*words)).text


def test_the_second_run_changes_nothing_and_costs_one_round_trip_after_the_hello(greeting: Path, project: Path) -> None:
    document = setup(project)

    assert document["result"] == {"hosts_done": 3, "hosts_failed": 0, "hosts_untouched": 0, "changed": 0}
    assert {name: (host["ok"], host["round_trips"]) for name, host in document["hosts"].items()} == {
        "web1": (2, 2),
        "web2": (2, 2),
        "web3": (2, 2),
    }


def test_a_check_says_what_a_run_then_does(greeting: Path, project: Path, running: lab.Lab) -> None:
    greeting.write_text("text: good evening\n")
    foreseen = setup(project, "--check")["result"]["changed"]
    before = inside(running, "web2", "cat", "/etc/motd")
    done = setup(project)["result"]["changed"]

    assert (foreseen, before, done) == (3, "We say hello", 3)
    assert inside(running, "web2", "cat", "/etc/motd") == "We say good evening"


def test_the_same_diff_of_several_hosts_is_shown_once_and_without_the_secret(greeting: Path, project: Path) -> None:
    greeting.write_text("text: good evening\n")
    (project / ".windlass/secrets/staging-lab.yml").unlink()
    done = run_tasks(project, "setup", "--env", "staging", "--lab", "--check", "--diff")

    rows = done.stdout.splitlines()
    assert rows[0] == "file /etc/motd on web1, web2, web3"
    assert [row for row in rows if row.startswith("+We")] == ["+We say good evening"]
    token = (project / ".windlass/secrets/staging-lab.yml").read_text().split('"')[1]
    assert token not in done.stdout + done.stderr


def test_the_twin_has_made_up_secrets(greeting: Path, project: Path, running: lab.Lab) -> None:
    setup(project)
    stored = (project / ".windlass/secrets/staging-lab.yml").read_text()

    assert stored == f'token: "{inside(running, "web1", "cat", "/etc/token")}"\n'


def test_a_host_that_is_off_does_not_hold_up_the_others(greeting: Path, project: Path, running: lab.Lab) -> None:
    greeting.write_text("text: good evening\n")
    lab.power_off(running.hosts["web3"])
    try:
        document = setup(project)
    finally:
        lab.boot(running, "web3", say=lambda _line: None)

    assert (document["exit_code"], document["status"]) == (3, "partly_done")
    statuses = {name: host["status"] for name, host in document["hosts"].items()}
    assert statuses == {"web1": "changed", "web2": "changed", "web3": "failed"}
    assert document["error"]["hosts"]["web1"] == "set up: 1 ok, 1 changed"


def test_ctrl_c_twice_says_where_each_host_was_and_the_next_run_goes_on(greeting: Path, project: Path, running: lab.Lab) -> None:
    greeting.write_text("text: wait\n")
    process = start_setup(project)
    try:
        read_until(process, "it waits")  # told by the host, and so told after what it is at
        process.send_signal(signal.SIGINT)
        read_until(process, "Ctrl-C again leaves at once")
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=300)
    finally:
        process.kill()
        inside(running, "web1", "sh", "-c", "kill $(cat /run/waiting)")

    assert (process.returncode, output) == (130, "")
    assert "error: interrupted: what was done stays done\n  | web1 was at: run sh -c" in errors
    greeting.write_text("text: hello\n")
    assert setup(project)["exit_code"] == 0


def start_setup(project: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "windlass.tasks.program", "setup", "--env", "staging", "--lab", "--limit", "web1", "--verbose"]
    return subprocess.Popen(
        command, cwd=project, env=surroundings(project), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def read_until(process: subprocess.Popen[str], words: str) -> None:
    assert process.stderr
    for line in process.stderr:
        if words in line:
            return
    raise AssertionError(f"the program ended without saying {words!r}")


def test_the_labs_state_is_told(running: lab.Lab, project: Path) -> None:
    done = run_tasks(project, "lab.status", "--json")

    (found,) = json.loads(done.stdout)["result"]["labs"]
    assert {name: (host["port"], host["answers"]) for name, host in found["hosts"].items()} == {
        "web1": (22, True),
        "web2": (2222, True),
        "web3": (22, True),
    }
