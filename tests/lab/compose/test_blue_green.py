"""An application in containers, deployed like any other: two slots, the gate, the switch, the way back, and runs that break off."""

from __future__ import annotations

import json
import os
import signal

import pytest

from demo.generator import Load
from tests.lab.compose.place import HOST, Dock
from tests.waiting import until
from windlass import lab
from windlass.errors import FlowFailed
from windlass.flows.deployment import overview
from windlass.flows.deployment.reload import reload
from windlass.inventory.applications import Ports

pytestmark = pytest.mark.lab

VOLUME = """\
version: "3.7"
services:
  web: {build: ., command: /serve.sh, volumes: ["data:/data"]}
  worker: {build: ., command: /work.sh}
volumes: {data: }
"""
NGINX = "pgrep -f '[n]ginx: worker'"
BROKEN = "#!/bin/busybox sh\necho there is no such module >&2\nexit 3\n"


@pytest.fixture(scope="module")
def shop(dock: Dock) -> Dock:
    """`shop` serves its first release."""
    assert dock.first.error() is None
    dock.deploy()
    return dock


def other(slot: str) -> str:
    return "green" if slot == "blue" else "blue"


def test_a_release_is_containers_of_its_own_that_nobody_reaches_but_nginx(shop: Dock) -> None:
    release, slot = shop.live(), shop.slot()

    assert shop.ask()["release"] == release
    assert shop.projects() >= {f"{slot}-{release}-web-0", f"{slot}-{release}-worker-0"}
    assert shop.shell("ss -Hltn 'sport = :4001 or sport = :4002'").split()[3].startswith("127.0.0.1:")
    assert release in shop.shell("cat /srv/shop/shared/migrations").split()
    assert shop.shell(f"stat -c '%U %a' /srv/shop/releases/{release}/.env") == "shop 600"
    assert set(shop.shell("tail -3 /srv/shop/shared/work").split()) == {release}


def test_a_cron_entry_runs_in_a_container_of_the_release_that_serves(shop: Dock) -> None:
    before = shop.shell("cat /srv/shop/shared/migrations").split()
    one = "entry=/srv/shop/slots/$slot/cron-yearly; test ! -e $entry || su -s /bin/sh shop -c $entry"
    shop.shell(f"for slot in blue green; do {one}; done")

    assert shop.shell("cat /srv/shop/shared/migrations").split() == [*before, shop.live()]


def test_a_deploy_and_the_way_back_lose_no_request(shop: Dock) -> None:
    before, old, workers = shop.live(), shop.slot(), shop.shell(NGINX)
    shop.commit("second")

    with Load(shop.url, connections=6) as load:
        deployed = shop.deploy()
        between = shop.projects()
        back = shop.rollback()

    assert load.figures["losses"] == {}
    assert load.figures["requests"] > 100
    assert set(shop.shell(NGINX).split()) <= set(workers.split())  # it had no need to load anything
    assert set(load.figures["releases"]) == {before, deployed.release}
    assert (deployed.before, deployed.warm, deployed.left) == (before, True, {HOST: 0})
    # The one before stays for the way back, without its worker.
    assert between == {*(f"{other(old)}-{deployed.release}-{name}-0" for name in ("web", "worker")), f"{old}-{before}-web-0"}
    assert (back.release, back.warm, shop.slot()) == (before, True, old)
    serving, waiting = {f"{old}-{before}-{name}-0" for name in ("web", "worker")}, f"{other(old)}-{deployed.release}-web-0"
    until(lambda: shop.projects() == {*serving, waiting})


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"serve_sh": BROKEN}, "there is no such module"),
        ({"migrate_sh": BROKEN}, "there is no such module"),
        ({"compose_yml": "services: {web: {build: ., prots: []}}\n"}, "prots"),
        ({"compose_yml": VOLUME}, "volumes that each release would begin anew, and empty: shop-"),
    ],
    ids=["does not start", "its migration fails", "its compose.yml is wrong", "it has a volume of its own"],
)
def test_a_broken_release_is_refused_and_what_served_goes_on(shop: Dock, files: dict[str, str], said: str) -> None:
    before, live = shop.live(), shop.slot()
    kept = {name: (shop.project / "shop" / name.replace("_", ".")).read_text() for name in files}
    shop.commit("broken", **files)

    with Load(shop.url, connections=3) as load, pytest.raises(FlowFailed) as caught:
        shop.deploy()
    shop.commit("mended", **kept)

    assert said in "\n".join((*caught.value.last_lines, caught.value.message))
    assert load.figures["losses"] == {}
    assert set(load.figures["releases"]) == {before}
    assert shop.live() == before
    assert shop.shell("docker volume ls -q") == ""
    until(lambda: {name for name in shop.projects() if "-worker-" in name} == {f"{live}-{before}-worker-0"})


def test_a_controller_that_is_killed_after_the_switch_leaves_a_run_that_the_next_one_finishes(shop: Dock) -> None:
    before = shop.live()
    shop.commit("killed between switch and drain")
    process = shop.command("deploy", "--app", "shop")
    until(lambda: process.poll() is not None or shop.live() != before)

    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    switched = shop.live()
    done = shop.deploy()

    assert switched != before
    assert "after every host had switched: finishing it" in done.story
    assert (done.changed, done.release) == (False, switched)
    slot = shop.slot()
    assert shop.projects() == {*(f"{slot}-{switched}-{name}-0" for name in ("web", "worker")), f"{other(slot)}-{before}-web-0"}


def test_a_controller_that_is_killed_before_the_switch_leaves_what_served_and_a_deploy_clears_up(shop: Dock) -> None:
    before = shop.live()
    shop.commit("killed before it serves")
    process = shop.command("deploy", "--app", "shop")
    until(lambda: process.poll() is not None or '"start"' in shop.shell("cat /srv/shop/progress.json 2>/dev/null || true"))
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()

    assert shop.ask()["release"] == before
    done = shop.deploy()

    assert done.story
    assert (done.before, shop.ask()["note"]) == (before, "killed before it serves")


def test_what_is_left_of_old_releases_goes_from_docker_too(shop: Dock) -> None:
    kept = set(shop.shell("ls /srv/shop/releases").split())
    images = shop.shell("docker images --format '{{.Repository}}'").split()
    stopped = shop.shell("docker ps -a --format '{{.Names}}'").split()
    networks = shop.shell("docker network ls --format '{{.Name}}'").split()
    script = "cat /srv/shop/slots/{}/slot.json 2>/dev/null || echo '{{}}'"
    slots = {slot: json.loads(shop.shell(script.format(slot))).get("release", "") for slot in ("blue", "green")}

    assert {"-".join(name.split("-")[2:5]) for name in images if name.startswith("shop-")} <= kept
    assert {"-".join(name.split("-")[1:5]) for name in (*stopped, *networks) if name.startswith("shop-")} == {
        f"{slot}-{release}" for slot, release in slots.items() if release
    }


def test_a_container_that_dies_comes_back_and_so_does_all_of_it_after_a_reboot(shop: Dock) -> None:
    release, projects = shop.live(), shop.projects()
    web = shop.shell(f"docker ps -q --filter label=com.docker.compose.project=shop-{shop.slot()}-{release}-web-0")
    shop.shell(f"kill -9 $(docker inspect --format '{{{{.State.Pid}}}}' {web})")
    until(lambda: shop.shell(f"docker inspect --format '{{{{.RestartCount}}}} {{{{.State.Running}}}}' {web}") == "1 true")

    lab.reboot(shop.lab, HOST, say=lambda _line: None)

    until(lambda: "200" in shop.shell("curl -s -o /dev/null -w '%{http_code}' http://localhost/cgi-bin/version"))
    until(lambda: shop.projects() == projects)
    assert shop.ask()["release"] == release


def test_it_is_seen_restarted_and_read_like_any_other(shop: Dock) -> None:
    slot = shop.slot()
    with shop.workspace.fleet([HOST]) as fleet:
        found = overview.status(shop.workspace, shop.application, fleet, now=0.0)
        before = shop.containers("shop-")
        done = overview.restart(shop.application, fleet, "worker", gate_seconds=30, operator="ada@desk")
        after = shop.containers("shop-")
        said = overview.logs(shop.application, fleet, lines=50, process="web")

    (live,) = [row for row in found.rows if row.slot == slot]
    assert (live.healthy, live.release) == (True, shop.live())
    assert done == {HOST: (f"shop-{slot}-worker-0",)}
    assert {name for name in after if after[name] != before.get(name)} == {f"shop-{slot}-{shop.live()}-worker-0_worker_1"}
    assert f"{slot}-web-0" in said[HOST]


def test_what_serves_is_started_anew_in_the_other_slot_without_losing_a_request(shop: Dock) -> None:
    release, slot = shop.live(), shop.slot()

    with Load(shop.url, connections=3) as load:
        reload(shop.workspace, shop.with_worker(handover="single"))

    assert load.figures["losses"] == {}
    assert (shop.live(), shop.slot()) == (release, other(slot))
    assert shop.projects() == {f"{other(slot)}-{release}-{name}-0" for name in ("web", "worker")}
    assert shop.shell("flock -n /run/shop/locks/worker true || echo held") == "held"


def test_other_ports_are_known_to_nginx_before_they_serve(shop: Dock) -> None:
    processes = dict(shop.application.processes)
    processes["web"] = processes["web"].model_copy(update={"ports": Ports(blue=4003, green=4004)})
    listening = "ss -HlntO 'sport >= :4001 and sport <= :4004' | awk '{print $4}'"
    seen = []

    with Load(shop.url, connections=3, pause=0.5) as load:
        for application in (shop.application.model_copy(update={"processes": processes}), shop.application, shop.application):
            reload(shop.workspace, application)
            seen.append((shop.ask()["release"], shop.shell(listening).split()))

    slots = [other(shop.slot()), shop.slot()]
    ports = {"blue": (4001, 4003), "green": (4002, 4004)}
    live = shop.live()
    assert seen == [(live, [f"127.0.0.1:{port}"]) for port in (ports[slots[1]][1], ports[slots[0]][0], ports[slots[1]][0])]
    assert set(load.figures["releases"]) == {live}


def test_an_older_release_is_started_anew_and_of_its_worker_there_is_never_more_than_one(shop: Dock) -> None:
    def cold_ones() -> list[str]:
        return [each.release for each in overview.releases(shop.workspace, shop.application).back if not each.warm]

    for number in range(3):  # after as many, one of them is neither live nor warm
        if not cold_ones():
            shop.commit(f"one more: {number}")
            assert shop.deploy().changed
    cold = cold_ones()

    began = shop.shell("date +%s.%N")
    back = shop.rollback(cold[0], shop.with_worker(handover="single"))

    assert shop.workers_since(began) == ["die", "start"]
    assert (back.release, back.warm) == (cold[0], False)
    assert shop.ask()["release"] == cold[0] == shop.live()
