"""PM2's traps on real hosts, each of which has cost somebody a night: what happens here when one steps into them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from demo.generator import Load
from tests.lab.suite.project import Suite
from windlass.errors import FlowFailed, RefusedError
from windlass.flows.deployment.overview import processes, status
from windlass.flows.deployment.reload import reload, save
from windlass.flows.deployment.supervision import supervisor_of
from windlass.inventory import Application
from windlass.operations.wire import Batch

pytestmark = pytest.mark.lab
DUMP = "/srv/tiny/.pm2/dump.pm2"
PM2 = "su -s /bin/sh tiny -c 'cd /srv/tiny; HOME=/srv/tiny PM2_HOME=/srv/tiny/.pm2 pm2 {}' >/dev/null"


@pytest.fixture(scope="module")
def served(suite: Suite) -> Suite:
    """A release serves that was reloaded with a variable that the inventory does not give."""
    if not suite.shell("app1", "ls -d /srv/tiny/live 2>/dev/null || true"):
        suite.deploy()
    own = suite.workspace.environment.application("tiny").processes["web"].environment
    reload(suite.workspace, tiny(suite, environment={**own, "TAKEN_OUT": "once"}))
    assert "TAKEN_OUT=once" in environ(suite).splitlines()
    return suite


def tiny(suite: Suite, **web: Any) -> Application:
    """The application with another description of its processes, and with less patience than a team would have."""
    application = suite.workspace.environment.application("tiny")
    gate = application.gate.model_copy(update={"stable_seconds": 0.5, "watch_seconds": 0.5})
    changed = {
        "web": application.processes["web"].model_copy(update={"memory": "300M", **web}),
        "worker": application.processes["worker"].model_copy(update={"instances": 2}),
    }
    return application.model_copy(update={"gate": gate, "drain_seconds": 1.0, "processes": changed})


def environ(suite: Suite) -> str:
    """The environment of the web process that serves."""
    return suite.shell("app1", "tr '\\0' '\\n' < /proc/$(cat /srv/tiny/live/run/web-0.pid)/environ")


def entries(suite: Suite, host: str = "app1") -> dict[str, dict[str, Any]]:
    with suite.workspace.fleet([host]) as fleet:
        found = processes(tiny(suite), fleet)[host]
    assert isinstance(found, list)
    return {each["name"]: each for each in found}


def live(suite: Suite, host: str = "app1") -> str:
    return suite.shell(host, "basename $(readlink /srv/tiny/live)").strip()


def test_reload_starts_anew_without_losing_a_request_and_no_removed_variable_survives(served: Suite) -> None:
    release, slot = served.live()["app1"], live(served)

    with Load(served.url(), connections=6) as load:
        done = reload(served.workspace, tiny(served))

    assert load.figures["lost"] == 0, load.figures
    assert {done.release, *load.figures["releases"], *served.live().values()} == {release}
    assert live(served) != slot
    assert "TAKEN_OUT" not in environ(served)
    assert "TAKEN_OUT" not in served.shell("app1", f"cat {DUMP}")


def test_reload_into_a_release_that_no_longer_starts_fails_by_name_and_the_old_one_goes_on(served: Suite) -> None:
    release = served.live()["app1"]
    fault = f"/srv/tiny/releases/{release}/fault.json"
    pid = served.shell("app1", "cat /srv/tiny/live/run/web-0.pid")
    served.shell("app1", f'cp {fault} {fault}.kept; echo \'{{"kind": "throw"}}\' > {fault}')

    try:
        with (
            Load(served.url(), connections=6) as load,
            pytest.raises(FlowFailed, match=r"was not reloaded: what served goes on: .* web-0 ") as caught,
        ):
            reload(served.workspace, tiny(served))
    finally:
        served.shell("app1", f"mv {fault}.kept {fault}")

    assert release in caught.value.message
    assert "no such module as ./plan-b" in "\n".join(caught.value.last_lines)
    assert load.figures["lost"] == 0, load.figures
    assert served.shell("app1", "cat /srv/tiny/live/run/web-0.pid") == pid


def test_each_process_shows_what_it_uses_and_what_it_may_and_runs_in_its_release_s_own_folder(served: Suite) -> None:
    slot, release = live(served), served.live()["app1"]
    web = entries(served)[f"tiny-{slot}-web-0"]

    assert web["folder"] == f"/srv/tiny/releases/{release}"
    assert web["memory_limit"] == 300 * 1024**2
    with served.workspace.fleet(["app1"]) as fleet:
        found = status(served.workspace, tiny(served), fleet, now=0)
    (row,) = (each for each in found.rows if each.live)
    seen = {each.name: each for each in row.instances}
    assert set(seen) == {"web-0", "worker-0", "worker-1"}
    assert all(each.running and each.memory > 1024**2 for each in seen.values())
    assert [seen["web-0"].pid, seen["web-0"].memory_limit, seen["worker-0"].memory_limit] == [web["pid"], 300 * 1024**2, 0]


def test_after_a_rotation_every_instance_writes_to_its_log_again(served: Suite) -> None:
    logs = [f"/var/log/tiny/{live(served)}-worker-{number}.log" for number in (0, 1)]
    served.shell("app1", "logrotate -f /etc/logrotate.d/windlass-tiny")

    for log in logs:
        first = served.shell("app1", f"for _time in $(seq 900); do [ -s {log} ] && break; sleep 0.1; done; head -c 11 {log}")
        assert first == "working for", "a log that was emptied goes on where it ended, behind a hole"
        assert served.shell("app1", f"cat {log}.1").splitlines()


def test_a_pm2_that_has_lost_its_list_does_not_empty_what_a_boot_brings_back(served: Suite) -> None:
    slot = live(served)
    before = json.loads(served.shell("app1", f"cat {DUMP}"))
    served.shell(
        "app1", f"systemctl stop pm2-tiny; {PM2.format('ping')}"
    )  # as any command line would: an empty one, outside of systemd's care

    with served.workspace.fleet(["app1"]) as fleet:
        with pytest.raises(RefusedError, match=f"tiny-{slot}-web-0, .* should run and does not"):
            save(tiny(served), fleet, operator="ada@desk")
        fleet.channel("app1").run(Batch(supervisor_of(tiny(served)).control("restart", (f"tiny-{slot}-web-0",))))

    assert json.loads(served.shell("app1", f"cat {DUMP}")) == before
    served.shell("app1", f"{PM2.format('kill')}; systemctl start pm2-tiny")
    with served.workspace.fleet(["app1"]) as fleet:
        assert f"tiny-{slot}-web-0" in save(tiny(served), fleet, operator="ada@desk")["app1"]
    assert served.shell("app1", f"stat -c '%a %U' {DUMP}").split() == ["600", "tiny"]


def test_another_version_of_node_under_the_unit_is_taken_at_the_next_start(served: Suite) -> None:
    unit = served.shell("app1", "systemctl cat pm2-tiny")
    node = served.shell("app1", "dirname $(dirname $(readlink -f /usr/local/bin/node))").strip()
    served.shell("app1", f"mv {node} {node}-next; ln -sfn {node}-next/bin/node /usr/local/bin/node")
    try:
        served.shell("app1", "systemctl restart pm2-tiny")
        run = "for _time in $(seq 900); do curl -sf http://localhost:8080/ && break; sleep 0.1; done"
        assert json.loads(served.shell("app1", run))["release"] == served.live()["app1"]
        program = served.shell("app1", "readlink /proc/$(cat /srv/tiny/live/run/web-0.pid)/exe").strip()
    finally:
        served.shell("app1", f"mv {node}-next {node}; ln -sfn {node}/bin/node /usr/local/bin/node")

    assert node not in unit
    assert program == f"{node}-next/bin/node"
