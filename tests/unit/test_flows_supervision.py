"""What starting and stopping comes to, for either supervisor; and what the inventory says by itself for Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from windlass.flows.deployment.cutover import Cutover
from windlass.flows.deployment.preparation import Deployment
from windlass.flows.deployment.preparation import start as start_of
from windlass.flows.deployment.supervision import Program, Systemd
from windlass.flows.steps import Timer
from windlass.flows.workspace import Workspace, open_workspace
from windlass.inventory import Application
from windlass.operations.file import File
from windlass.operations.pm2 import Pm2Control
from windlass.operations.systemd import SystemdControl, SystemdProcess, SystemdStart
from windlass.plans.slots import Held, HostState

HOSTS = "hosts: {app1: {address: 192.0.2.21}}\ngroups: {app: {hosts: [app1], roles: []}}\n"
APPLICATION: dict[str, Any] = {
    "name": "notes",
    "hosts": "app",
    "source": {"path": "code"},
    "processes": {"web": {"command": "uvicorn notes.web:app", "listen": "socket", "memory": "300M"}, "mail": {"command": "mail"}},
}


PIP = "pip install --no-compile -r requirements.txt"
INVENTORY = f"""{HOSTS}
applications:
  notes:
    hosts: app
    runtime: python
    source: {{path: code}}
    processes:
      web: {{command: 'uvicorn notes.web:app', listen: socket, memory: 300M, stop_seconds: 12}}
      mail: {{command: mail}}
"""


def workspace(project: Path) -> Workspace:
    folder = project / "inventories" / "staging"
    folder.mkdir(parents=True)
    (project / "code").mkdir()
    (folder / "all.yml").write_text(INVENTORY)
    return open_workspace(project, "staging")


def test_systemd_knows_a_process_as_an_instance_of_the_applications_unit() -> None:
    program = Program(
        name="notes-blue-web-0",
        launcher="/srv/notes/slots/blue/web-0",
        folder="/srv/notes/releases/r1",
        log="/var/log/notes/blue-web-0.log",
        stop_seconds=12,
        memory="300M",
    )
    supervisor = Systemd("notes", 60.0)

    assert supervisor.start("notes-blue-", [program]) == (
        SystemdStart(
            template="windlass-notes",
            replaces="blue-",
            processes=(SystemdProcess(name="blue-web-0", launcher="/srv/notes/slots/blue/web-0", stop_seconds=12, memory="300M"),),
        ),
    )
    assert supervisor.control("stop", ("notes-blue-web-0",)) == (
        SystemdControl(template="windlass-notes", action="stop", names=("blue-web-0",)),
    )
    assert supervisor.control("save") == ()


def test_under_systemd_a_launcher_writes_the_log_itself(tmp_path: Path) -> None:
    opened = workspace(tmp_path)
    deployment = Deployment(opened, opened.environment.application("notes"), "app1", "r1")
    started = start_of(deployment, "blue")

    texts = {each.path: str(each.content.reveal()) for each in started if isinstance(each, File) and each.mode == "0700"}  # type: ignore[union-attr]

    assert "exec >> /var/log/notes/blue-web-0.log 2>&1\n" in texts["/srv/notes/slots/blue/web-0"]
    assert isinstance(started[-1], SystemdStart)
    assert [each.stop_seconds for each in started[-1].processes] == [12.0, 30.0]


@pytest.mark.parametrize(
    ("given", "supervisor", "install", "prune"),
    [
        ({}, "pm2", "npm ci", "npm prune --omit=dev"),
        ({"runtime": "python"}, "systemd", PIP, ""),
        ({"runtime": "python", "supervisor": "pm2", "build": {"prune": "lean"}}, "pm2", PIP, "lean"),
        ({"supervisor": "systemd"}, "systemd", "npm ci", "npm prune --omit=dev"),
    ],
)  # fmt: skip
def test_what_python_has_by_itself(given: dict[str, Any], supervisor: str, install: str, prune: str) -> None:
    application = Application.model_validate({**APPLICATION, **given})

    assert (application.supervisor, application.build.install, application.build.prune) == (supervisor, install, prune)


def test_what_another_supervisor_runs_in_a_slot_ends_by_its_own_means(tmp_path: Path) -> None:
    opened = workspace(tmp_path)
    application = opened.environment.application("notes")
    cutover = Cutover(opened, application, opened.fleet(()), print, Timer(print), "deploy", "ada@desk")
    before = Held(("notes-green-web-0",), ("notes-green-mail-0",), supervisor="pm2")
    state = HostState("app1", "blue", {"blue": "r2", "green": "r1"}, {}, ("r1", "r2"), held={"green": before, "blue": before})

    way = cutover.made_way(state, "green")
    stopped = cutover.drain(state, "green")[0]

    assert isinstance(way[0], Pm2Control)
    assert (way[0].action, way[0].prefix) == ("delete", "notes-green-")
    assert isinstance(stopped, Pm2Control)
    assert (stopped.action, stopped.names) == ("stop", ("notes-green-mail-0",))
    assert Held.of({"web": ["notes-green-web-0"], "supervisor": "systemd"}).supervisor == "systemd"
