"""What is asked of a host to take a run back, without a host."""

from __future__ import annotations

from pathlib import Path

from windlass import events
from windlass.flows.cutover import Cutover
from windlass.flows.steps import Timer
from windlass.flows.workspace import open_workspace
from windlass.operations.file import File
from windlass.operations.gate import Drain
from windlass.operations.pm2 import Pm2Control
from windlass.operations.release import Progress, Record, Switch
from windlass.plans.recovery import Recovery
from windlass.plans.slots import Held, HostState

INVENTORY = """
hosts: {app1: {address: 192.0.2.21}}
groups: {app: {hosts: [app1], roles: []}}
applications:
  shop:
    hosts: app
    source: {path: code}
    processes:
      web: {command: node server.js, listen: socket, environment: {TOKEN: "{{ secrets.token }}"}}
secrets:
  token: {description: one that nobody has given}
"""
PROGRESS = {"action": "deploy", "release": "r3", "slot": "green", "before": "blue", "displaced": "r1", "step": "switch", "at": 1.0}
HELD = Held(("shop-green-web-0",), ("shop-green-mail-0",), ("/run/shop/green/web-0.sock",))


def cutover(project: Path, said: list[str]) -> Cutover:
    (project / "inventories/staging").mkdir(parents=True)
    (project / "inventories/staging/all.yml").write_text(INVENTORY)
    (project / "code").mkdir()
    workspace = open_workspace(project, "staging")

    def listen(event: events.Event) -> None:
        if isinstance(event, events.Note):
            said.append(event.text)

    application = workspace.environment.application("shop")
    return Cutover(workspace, application, workspace.fleet(()), listen, Timer(listen), "deploy", "ada@desk")


def test_a_switch_goes_back_even_if_what_was_warm_cannot_be_started_again(tmp_path: Path) -> None:
    said: list[str] = []
    state = HostState("app1", "green", {"blue": "r2", "green": "r3"}, {}, ("r1", "r2", "r3"), PROGRESS, held={"green": HELD})

    asked = cutover(tmp_path, said)._undo(state, Recovery("revert", "blue", "r3"), "out of luck")

    assert [type(each) for each in asked] == [Switch, Drain, Pm2Control, File, Record, Progress]
    assert asked[:2] == [
        Switch(root="/srv/shop", slot="blue"),
        Drain(listens=HELD.listens, limit_seconds=30.0),
    ]
    assert [text.partition(":")[0] for text in said] == ["r1 is not kept warm on app1"]


def test_processes_that_the_inventory_no_longer_names_are_stopped_by_the_name_they_were_started_with(tmp_path: Path) -> None:
    state = HostState("app1", "green", {"green": "r3"}, {}, ("r3",), held={"green": HELD})

    stop, drain = cutover(tmp_path, [])._drain(state, "blue")

    assert isinstance(stop, Pm2Control)
    assert isinstance(drain, Drain)
    assert (stop.action, stop.names, drain.listens) == ("stop", HELD.workers, HELD.listens)
