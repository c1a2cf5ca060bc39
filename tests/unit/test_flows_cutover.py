"""What is asked of a host to take a run back, without a host."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Literal

import pytest

from windlass import events
from windlass.flows.deployment.cutover import Cutover
from windlass.flows.deployment.handover import relieve
from windlass.flows.deployment.taking_back import undone, watched
from windlass.flows.steps import Timer
from windlass.flows.workspace import open_workspace
from windlass.operations.file import File
from windlass.operations.gate import Drain
from windlass.operations.operation import Operation
from windlass.operations.pm2 import Pm2Control
from windlass.operations.release import Progress, Record, Switch
from windlass.operations.service import Service
from windlass.operations.watch import Watch
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


def cutover(project: Path, said: list[str], inventory: str = INVENTORY) -> Cutover:
    (project / "inventories/staging").mkdir(parents=True)
    (project / "inventories/staging/all.yml").write_text(inventory)
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

    asked = undone(cutover(tmp_path, said), state, Recovery("revert", "blue", "r3"), "out of luck")

    assert [type(each) for each in asked] == [Switch, Service, Pm2Control, Drain, Pm2Control, File, File, Record, Progress]
    assert asked[0] == Switch(root="/srv/shop", slot="blue")
    assert asked[3] == Drain(listens=HELD.listens, limit_seconds=30.0)
    assert [text.partition(":")[0] for text in said] == ["r1 is not kept warm on app1"]


def test_a_watch_is_taken_up_again_with_time_for_a_host_that_has_just_booted(tmp_path: Path) -> None:
    state = HostState("app1", "green", {"blue": "r2", "green": "r3"}, {}, ("r2", "r3"), PROGRESS, held={"green": HELD})

    switch, ready, watch = watched(cutover(tmp_path, []), state)

    assert switch == Switch(root="/srv/shop", slot="green")
    assert isinstance(ready, Service)
    assert isinstance(watch, Watch)
    assert [each.folder for each in watch.instances] == ["/srv/shop/releases/r3"]
    assert (watch.before, watch.seconds, watch.arriving_seconds) == ("blue", 3.0, 60.0)


def test_processes_that_the_inventory_no_longer_names_are_stopped_by_the_name_they_were_started_with(tmp_path: Path) -> None:
    state = HostState("app1", "green", {"green": "r3"}, {}, ("r3",), held={"green": HELD})

    stop, drain = cutover(tmp_path, []).drain(state, "blue")

    assert isinstance(stop, Pm2Control)
    assert isinstance(drain, Drain)
    assert (stop.action, stop.names, drain.listens) == ("stop", HELD.workers, HELD.listens)


OLD = Held(
    web=("shop-blue-web-0",),
    workers=("shop-blue-mail-0", "shop-blue-bills-0", "shop-blue-clock-0"),
    drain=("shop-blue-bills-0",),
    single=("shop-blue-clock-0",),
)
NEW = Held(**{key: tuple(each.replace("blue", "green") for each in names) for key, names in asdict(OLD).items()})


def done(operations: list[Operation]) -> list[tuple[str, tuple[str, ...]]]:
    """The actions on processes, without their slot's prefix."""
    return [(each.action, each.names) for each in operations if isinstance(each, Pm2Control)]


def test_after_a_rollback_to_what_was_warm_its_strict_workers_begin_when_the_others_have_ended(tmp_path: Path) -> None:
    state = HostState("app1", "blue", {"blue": "r2", "green": "r1"}, {}, ("r1", "r2"), held={"blue": OLD, "green": NEW})

    asked = done(relieve(cutover(tmp_path, []), state, "green"))

    assert asked == [
        ("start", ("shop-green-mail-0",)),
        ("stop", ("shop-blue-bills-0", "shop-blue-clock-0")),
        ("start", ("shop-green-bills-0", "shop-green-clock-0")),
    ]


@pytest.mark.parametrize("action", ["revert", "discard"])
def test_what_is_taken_back_ends_before_the_old_workers_work_again(tmp_path: Path, action: Literal["revert", "discard"]) -> None:
    live = "green" if action == "revert" else "blue"
    held = {"blue": OLD, "green": NEW}
    state = HostState("app1", live, {"blue": "r2", "green": "r3"}, {}, ("r2", "r3"), PROGRESS, held=held)

    asked = done(undone(cutover(tmp_path, []), state, Recovery(action, "blue", "r3"), "out of luck"))

    assert asked[:2] == [("stop", NEW.workers), ("start", OLD.workers)]


def test_what_there_is_one_of_is_on_the_first_host_only(tmp_path: Path) -> None:
    inventory = INVENTORY.replace("hosts: {app1", "hosts: {app2: {address: 192.0.2.22}, app1").replace("[app1]", "[app2, app1]")
    clock = "processes:\n      clock: {command: node clock.js, handover: single}"
    run = cutover(tmp_path, [], inventory.replace("processes:", clock))

    names = {host: [each.name for each in run.instances(host, "r1", "blue")] for host in ("app1", "app2")}

    assert names == {"app1": ["web-0"], "app2": ["clock-0", "web-0"]}
