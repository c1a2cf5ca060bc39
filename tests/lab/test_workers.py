"""Workers, queues and clocks on real hosts, with BullMQ and a real Redis: no job is done twice, and there are never two clocks."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from tests.lab.suite.project import Suite
from windlass import events
from windlass.errors import FlowFailed
from windlass.flows.deployment.cutover import Cutover
from windlass.flows.deployment.handover import _stop, quiet
from windlass.flows.deployment.overview import status
from windlass.flows.steps import Timer
from windlass.plans.layout import other

pytestmark = pytest.mark.lab
PORT = 8100


def ask(suite: Suite, path: str, method: str = "GET") -> Any:
    """What the application answers."""
    request = urllib.request.Request(suite.url(path, PORT), method=method)  # noqa: S310 - a lab host
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return json.loads(answer.read())


def job(suite: Suite, queue: str, seconds: float) -> Callable[[], list[str]]:
    """Ask for a job; gives the way to its history."""
    found = ask(suite, f"/{queue}?seconds={seconds}", "POST")
    return lambda: list(ask(suite, f"/{queue}/{found['id']}"))


def until(look: Callable[[], Any], wanted: Any) -> None:
    """Wait until something is as wanted; a generous limit says that it never will be."""
    deadline = time.monotonic() + 300
    while (seen := look()) != wanted:
        assert time.monotonic() < deadline, f"still {seen}, not {wanted}"
        time.sleep(0.1)


def running(suite: Suite) -> dict[str, set[str]]:
    """The workers that run on each host, as `slot-process`."""
    script = "for f in /run/queue/*/*.pid; do kill -0 $(cat $f) 2>/dev/null && echo $f; done; true"
    found = {host: suite.shell(host, script).split() for host in ("app1", "app2")}
    names = {host: {path.removeprefix("/run/queue/").removesuffix("-0.pid").replace("/", "-") for path in paths}
             for host, paths in found.items()}  # fmt: skip
    return {host: {name for name in each if not name.endswith("-web")} for host, each in names.items()}


def of(slot: str) -> dict[str, set[str]]:
    """What should run while a slot is live: all workers of that slot and no others, the clock on the first host alone."""
    everywhere = {f"{slot}-reports", f"{slot}-exports"}
    return {"app1": {*everywhere, f"{slot}-clock"}, "app2": everywhere}


def slot_of(suite: Suite) -> str:
    return suite.shell("app1", "basename $(readlink /srv/queue/live)").strip()


def new_year(suite: Suite) -> list[str]:
    """What a cron entry does when cron runs it for both slots: the releases that it ran in."""
    one = "su -s /bin/sh queue -c /srv/queue/slots/$slot/cron-yearly; rm -f /run/queue/locks/cron-yearly"
    return suite.shell(
        "app2", f"for slot in blue green; do {one}; done; cat /srv/queue/shared/years; rm /srv/queue/shared/years"
    ).split()


@pytest.fixture(scope="module")
def served(suite: Suite) -> Suite:
    suite.deploy("queue")
    return suite


@pytest.fixture(autouse=True)
def one_clock(served: Suite) -> Any:
    yield
    assert not [tick for tick in ask(served, "/ticks") if tick.startswith("two")]


def test_a_job_of_20_seconds_survives_a_deploy_and_runs_once(served: Suite) -> None:
    before = served.live("queue")["app1"]
    long, too_long = job(served, "reports", 20), job(served, "exports", 600)
    until(long, [f"began {before}"])
    until(too_long, [f"began {before}"])
    served.commit(note="while jobs run", application="queue")

    after = served.deploy("queue").release

    assert long() == [f"began {before}", f"ended {before}"]
    assert running(served) == of(slot_of(served))
    # A job that outlasts `stop_seconds` is cut off with its worker; BullMQ finds that out and gives it to the next one.
    until(too_long, [f"began {before}", f"began {after}", f"ended {after}"])
    assert new_year(served) == [after]
    assert ask(served, "/ticks")[-3:] == [f"began {before}", f"ended {before}", f"began {after}"]


def test_a_rollback_waits_for_a_job_and_wakes_the_workers_of_the_release_before(served: Suite) -> None:
    if not served.shell("app1", f"ls /srv/queue/slots/{other(slot_of(served))}/slot.json 2>/dev/null || true"):
        served.commit(note="one to go back from", application="queue")
        served.deploy("queue")
    bad = served.live("queue")["app1"]
    long = job(served, "reports", 5)
    until(long, [f"began {bad}"])

    back = served.rollback("queue")

    assert back.warm
    assert long() == [f"began {bad}", f"ended {bad}"]
    assert running(served) == of(slot_of(served))
    until(job(served, "reports", 0), [f"began {back.release}", f"ended {back.release}"])
    assert new_year(served) == [back.release]
    until(lambda: ask(served, "/ticks")[-2:], [f"ended {bad}", f"began {back.release}"])


def test_a_release_whose_clock_fails_at_the_gate_leaves_the_old_workers_at_work(served: Suite) -> None:
    before = served.live("queue")
    served.commit({"clock": "there is nothing in the calendar"}, note="a broken clock", application="queue")

    with pytest.raises(FlowFailed) as caught:
        served.deploy("queue")

    assert "there is nothing in the calendar" in "\n".join(caught.value.last_lines)
    assert served.live("queue") == before
    assert running(served) == of(slot_of(served))
    until(job(served, "reports", 0), [f"began {before['app1']}", f"ended {before['app1']}"])
    served.commit(note="mended", application="queue")


def test_workers_that_a_broken_run_had_stopped_are_brought_back_by_the_next(served: Suite) -> None:
    application = served.workspace.environment.application("queue")
    hosts = ["app1", "app2"]
    with served.workspace.fleet(hosts) as fleet:
        cutover = Cutover(served.workspace, application, fleet, events.nobody, Timer(events.nobody), "deploy", "ada@desk")
        states = cutover.lock_and_look("deploy")
        slots: dict[str, str] = {host: state.idle for host, state in states.items()}
        cutover.go([quiet(cutover, states, slots, "r-next")])
        cutover.go(
            [_stop(cutover, "take over", states, slots, "r-next", {"app1": states["app1"].held[states["app1"].live].single})]
        )
        assert running(served)["app1"] == {f"{slot_of(served)}-exports"}

        assert "before any host had switched: clearing it away" in cutover.recover(cutover.look())
        found = status(served.workspace, application, fleet, now=0)

    assert running(served) == of(slot_of(served))
    assert {(row.host, row.processes) for row in found.rows if row.live} == {("app1", "4/4"), ("app2", "3/3")}


def test_cron_itself_runs_what_is_live_once_a_minute_on_the_first_host_alone(served: Suite) -> None:
    def minutes(host: str) -> list[str]:
        return served.shell(host, "cat /srv/queue/shared/minutes 2>/dev/null || true").split()

    until(lambda: len(minutes("app1")) > 0, wanted=True)

    found = minutes("app1")
    assert len(set(found)) == len(found)
    assert minutes("app2") == []
    assert "windlass runs minutely in /srv/queue/releases/" in served.shell("app1", "cat /var/log/queue/cron-minutely.log")
