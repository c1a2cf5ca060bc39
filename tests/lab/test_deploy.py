"""Deploys and rollbacks on real hosts, under load, and everything that may go wrong with them."""

from __future__ import annotations

import concurrent.futures
import json
import time
import urllib.request
from typing import Any

import pytest

from demo.generator import Load
from tests.lab.suite.project import Suite
from tests.waiting import until
from windlass import lab
from windlass.errors import FlowFailed, RefusedError, UsageError
from windlass.flows.deployment import overview
from windlass.flows.deployment.overview import releases, status
from windlass.operations.lease import Lease
from windlass.operations.wire import Batch

pytestmark = pytest.mark.lab


def get(url: str, limit: float = 30.0) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=limit) as answer:  # noqa: S310 - a lab host
        found = json.loads(answer.read())
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module")
def served(suite: Suite) -> Suite:
    """The application serves some release."""
    suite.deploy()
    return suite


def test_first_deploy_serves_on_every_host(served: Suite) -> None:
    answer = get(served.url())

    assert len(set(served.live().values())) == 1
    assert answer["release"] == served.live()["app1"]
    assert len(served.shell("app1", "cat /srv/tiny/shared/migrations.log").split()) >= 1


def test_deploys_and_rollbacks_under_load_lose_nothing(served: Suite) -> None:
    before = served.live()["app1"]
    served.commit(note="better")

    with Load(served.url(), connections=25) as load:
        deployed = served.deploy()
        back = served.rollback()

    assert load.figures["lost"] == 0, load.figures
    assert load.figures["requests"] > 100
    assert set(load.figures["releases"]) == {before, deployed.release}
    assert (back.release, back.warm) == (before, True)
    assert set(served.live().values()) == {before}


def test_an_unchanged_release_is_left_alone_unless_it_has_died(served: Suite) -> None:
    served.commit(note="unchanged")
    first = served.deploy()

    second = served.deploy()

    assert first.changed
    assert (second.changed, second.release) == (False, first.release)
    slot = served.shell("app1", "basename $(readlink /srv/tiny/live)").strip()
    served.shell("app1", f"su -s /bin/sh tiny -c 'HOME=/srv/tiny PM2_HOME=/srv/tiny/.pm2 pm2 stop tiny-{slot}-web-0'")

    third = served.deploy()

    assert (third.changed, third.before) == (True, first.release)
    assert get(served.url())["release"] == third.release


def test_a_host_whose_pm2_is_down_is_brought_back_and_a_link_of_the_application_s_leads_root_nowhere(served: Suite) -> None:
    lay = "mkdir -p /opt/mine; chmod 755 /opt/mine; cd /srv/tiny; rm -rf shared/uploads; ln -s /opt/mine shared/uploads"
    served.shell("app1", f"{lay}; ln -sf /opt/mine/list .pm2/windlass-start.json")
    served.shell("app1", "systemctl stop pm2-tiny")
    served.commit(note="PM2 is down, and a link is laid")

    deployed = served.deploy()

    assert served.shell("app1", "systemctl is-active pm2-tiny").strip() == "active"
    assert json.loads(served.shell("app1", "curl -sf http://localhost:8080/"))["release"] == deployed.release
    found = served.shell("app1", "stat -c '%U %a' /opt/mine; ls /opt/mine; rm /srv/tiny/shared/uploads").splitlines()
    assert found == ["root 755"]


def test_a_deploy_builds_once_migrates_once_and_status_says_who_serves_what(served: Suite) -> None:
    def migrations() -> int:
        return sum(int(served.shell(host, "cat /srv/tiny/shared/migrations.log 2>/dev/null | wc -l")) for host in ("app1", "app2"))

    before = migrations()
    served.commit(note="built once")
    deployed = served.deploy()
    marker = f"/srv/tiny/releases/{deployed.release}/.archive-sha256"
    sums = {served.shell(host, f"cat {marker}").split()[0] for host in ("app1", "app2")}
    with served.workspace.fleet(["app1", "app2"]) as fleet:
        found = status(served.workspace, served.workspace.environment.application("tiny"), fleet, now=0)

    assert (deployed.built, sums, migrations()) == (True, {deployed.artefact}, before + 1)
    live = [row for row in found.rows if row.live]
    assert {row.host for row in live} == {"app1", "app2"}
    assert {row.release for row in live} == {deployed.release}
    assert all(row.healthy and row.processes == "2/2" for row in live)
    assert all(row.healthy and row.processes == "1/2" for row in found.rows if not row.live), "the worker of a warm slot sleeps"
    assert found.back[0].warm
    assert found.agree


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"kind": "never"}, "still not ready"),
        ({"kind": "crash", "after": 0.5}, "out of luck"),
        ({"kind": "sick"}, "the database is away"),
    ],
    ids=["never ready", "crashes in the stability window", "sick"],
)
def test_a_broken_release_never_gets_a_request(served: Suite, fault: dict[str, Any], said: str) -> None:
    """One that throws when it starts is in `test_demo`."""
    before = served.live()
    served.commit(fault, note="broken")

    with Load(served.url(), connections=6) as load, pytest.raises(FlowFailed) as caught:
        served.deploy(gate_seconds=6.0)

    assert load.figures["lost"] == 0, load.figures
    assert set(load.figures["releases"]) == set(before.values())
    assert served.live() == before
    assert said in "\n".join((*caught.value.last_lines, caught.value.message))
    found = releases(served.workspace, served.workspace.environment.application("tiny"))
    assert found.records[0].state == "failed"
    served.commit(note="mended")


def test_a_release_that_fails_once_it_serves_is_taken_back_by_the_host(served: Suite) -> None:
    before = served.live()
    served.commit({"kind": "late"}, note="late")

    with pytest.raises(FlowFailed, match="web-0 failed after the switch") as caught:
        served.deploy()

    assert served.live() == before
    assert get(served.url())["release"] == before["app1"]
    assert "out of luck once more" in caught.value.last_lines
    found = releases(served.workspace, served.workspace.environment.application("tiny"))
    assert found.records[0].state == "failed"
    served.commit(note="mended")


def test_status_tells_of_a_process_that_did_not_stay_up_after_the_gate(served: Suite) -> None:
    def restarts() -> dict[str, int]:
        with served.workspace.fleet(["app1"]) as fleet:
            found = status(served.workspace, served.workspace.environment.application("tiny"), fleet, now=time.time())
        return {seen.name: seen.restarts for row in found.rows if row.live for seen in row.instances}

    served.deploy(force=True)
    assert set(restarts().values()) == {0}

    served.shell("app1", "kill -9 $(cat /srv/tiny/live/run/web-0.pid)")

    until(lambda: restarts()["web-0"] == 1)


def test_rollback_twice_goes_further_back_an_older_one_is_started_anew_and_what_nobody_needs_is_pruned(served: Suite) -> None:
    names = []
    for number in range(3):
        served.commit(note=f"number {number}")
        names.append(served.deploy().release)

    first = served.rollback()
    second = served.rollback()
    third = served.rollback(wanted=names[2])

    assert (first.release, first.warm) == (names[1], True)
    assert (second.release, second.warm) == (names[0], False)
    assert third.release == names[2]
    assert set(served.live().values()) == {names[2]}
    served.commit(note="one more")
    served.deploy()  # the fifth release at least
    kept = served.shell("app1", "ls /srv/tiny/releases").split()
    found = releases(served.workspace, served.workspace.environment.application("tiny"))
    assert len(kept) <= 4
    assert served.live()["app1"] in kept
    assert all(back.release in kept for back in found.back)
    assert found.back[0].warm


def test_rollback_to_what_is_not_there_says_what_is(served: Suite) -> None:
    with pytest.raises(UsageError, match="no release is called 'v99'"):
        served.rollback(wanted="v99")


def test_a_slow_request_is_finished_by_the_release_that_took_it_and_one_longer_than_the_drain_by_a_graceful_stop(
    served: Suite,
) -> None:
    before = served.live()["app1"]
    served.commit(note="while somebody waits, and somebody else too long")

    with concurrent.futures.ThreadPoolExecutor() as pool:
        slow = pool.submit(get, served.url("/?seconds=4"), 120)
        too_slow = pool.submit(get, served.url("/?until=stop"), 120)
        deployed = served.deploy()

    assert {slow.result()["release"], too_slow.result()["release"]} == {before}
    assert sum(deployed.left.values()) == 1
    assert get(served.url())["release"] == deployed.release


def test_only_one_deploy_at_a_time(served: Suite) -> None:
    served.commit(note="second in line")
    with served.workspace.fleet(["app2"]) as fleet:
        fleet.channel("app2").run(Batch((Lease(name="app-tiny", holder="ada@desk", purpose="deploy tiny v7"),)))

        with pytest.raises(RefusedError, match=r"ada@desk for .* \(since .* UTC\): deploy tiny v7"):
            served.deploy()

    assert served.deploy().changed


def test_environment_is_private_and_not_in_the_process_list(served: Suite) -> None:
    secret = served.workspace.secrets.get("greeting").reveal()
    release = served.live()["app1"]

    assert get(served.url())["greeting"] == secret
    assert served.shell("app1", f"stat -c '%a %U' /srv/tiny/releases/{release}/.env").split() == ["600", "tiny"]
    assert served.shell("app1", f"grep -rl {secret} /srv/tiny/.pm2 /var/log/tiny || true") == ""


def test_tcp_slots_switch_by_a_reload(suite: Suite) -> None:
    first = suite.deploy("ported")
    suite.commit(note="ported")

    with Load(suite.url(port=8090), connections=6) as load:
        second = suite.deploy("ported")
        back = suite.rollback("ported")

    assert load.figures["lost"] == 0, load.figures
    assert set(load.figures["releases"]) == {first.release, second.release}
    assert back.release == first.release


def test_after_a_reboot_the_live_release_serves_again(served: Suite) -> None:
    release = served.live()["app2"]
    lab.reboot(served.lab, "app2", say=lambda _line: None)

    def serves() -> bool:
        try:
            return str(json.loads(served.shell("app2", "curl -sf http://localhost:8080/"))["release"]) == release
        except (AssertionError, ValueError):
            return False

    until(serves)


def test_processes_restart_as_often_as_one_likes_but_not_during_a_deploy(served: Suite) -> None:
    application = served.workspace.environment.application("tiny")

    def restart() -> dict[str, tuple[str, ...]]:
        with served.workspace.fleet(["app1"]) as fleet:
            return overview.restart(application, fleet, "web", gate_seconds=30, operator="ada@desk")

    slot = served.shell("app1", "basename $(readlink /srv/tiny/live)").strip()
    with Load(served.url(), connections=6) as load:
        done = [restart() for _time in range(3)]

    assert done == [{"app1": (f"tiny-{slot}-web-0",)}] * 3
    assert load.figures["lost"] == 0, load.figures
    with served.workspace.fleet(["app1"]) as fleet:
        fleet.channel("app1").run(Batch((Lease(name="app-tiny", holder="ada@desk", purpose="deploy tiny v7"),)))
        with pytest.raises(RefusedError, match=r"ada@desk for .* \(since .* UTC\): deploy tiny v7"):
            restart()
