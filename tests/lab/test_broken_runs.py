"""Deploys that break off: a killed controller, Ctrl-C, a cut link, a death between two switches. The service stays up, and the next
run says what was found and brings all hosts to one release."""

from __future__ import annotations

import concurrent.futures
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from demo.generator import Load
from tests.lab.lone import is_free
from tests.lab.suite.project import NAME, Suite, begun
from tests.waiting import until
from windlass import events, lab
from windlass.errors import ConnectionFailed, RefusedError, UsageError
from windlass.flows import steps
from windlass.flows.deployment import preparation
from windlass.flows.deployment.coming import start_in
from windlass.flows.deployment.cutover import Cutover
from windlass.flows.deployment.overview import restart, status
from windlass.flows.deployment.preparation import Deployment
from windlass.flows.deployment.rollback import target
from windlass.flows.steps import Timer
from windlass.hosts.many.fleet import Fleet
from windlass.operations.command import Run
from windlass.operations.release import Record

pytestmark = pytest.mark.lab


# The releases that were made up here, but for those that a slot still holds: the next deploys replace these.
TIDY = r"""
cd /srv/tiny
for name in $(ls releases records | grep -e '-next' | sed 's/[.]json$//' | sort -u); do
    grep -qsF "$name" slots/*/slot.json || rm -rf "releases/$name" "records/$name.json"
done
"""


@pytest.fixture(scope="module", autouse=True)
def tidied(suite: Suite) -> Iterator[None]:
    """What other files' tests find is what was deployed."""
    yield
    for host in ("app1", "app2"):
        suite.shell(host, TIDY)


@pytest.fixture
def served(suite: Suite) -> Suite:
    """Every host serves the same release, nothing is under way, and what was committed last works."""
    if '"none"' not in (suite.project / "tiny/fault.json").read_text():  # an earlier test's broken release is never deployed here
        suite.commit(note="mended")
    live = {suite.shell(host, "readlink -e /srv/tiny/live || true").strip() != "" for host in ("app1", "app2")}
    well = live == {True} and len(set(suite.live().values())) == 1 and step(suite, "app1") == step(suite, "app2") == ""
    if not well:
        release(suite, "good")
    return suite


def release(suite: Suite, note: str) -> None:
    suite.commit(note=f"{note} {time.monotonic()}")
    suite.deploy()


def step(suite: Suite, host: str) -> str:
    """What the host's disk says is being done there."""
    found = suite.shell(host, "cat /srv/tiny/progress.json 2>/dev/null || echo '{}'")
    return str(json.loads(found).get("step", ""))


# A command that takes a host that says nothing for gone sooner than after half a minute.
IMPATIENT = """
from windlass.hosts import line
from windlass.hosts.many import fleet
line.SILENCE_LIMIT, fleet.PING_EVERY = 8.0, 0.3
from windlass.tasks.program import command
command()
"""


def in_the_gate(suite: Suite) -> subprocess.Popen[str]:
    """A deploy of a release that never gets ready, caught while it stands at the gate."""
    suite.commit({"kind": "never"}, note="stuck at the gate")
    process = suite.command("deploy", "--env", NAME, "--lab", "--app", "tiny")
    until(
        lambda: step(suite, "app1") == "start" and "still not ready" in suite.shell("app1", "tail -n 3 /var/log/tiny/*-web-0.log")
    )
    return process


def notes(suite: Suite) -> tuple[list[str], events.Listener]:
    said: list[str] = []
    return said, lambda event: said.append(event.text) if isinstance(event, events.Note) else None


def test_a_killed_controller_leaves_the_service_up_and_the_lock_free_and_status_explains_it(served: Suite) -> None:
    before = served.live()

    with Load(served.url(), connections=6) as load:
        process = in_the_gate(served)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        with served.workspace.fleet(["app1", "app2"]) as fleet:
            found = status(served.workspace, served.workspace.environment.application("tiny"), fleet, now=time.time())
        served.commit(note="after the kill")
        deployed = served.deploy()

    assert load.figures["lost"] == 0, load.figures
    assert set(load.figures["releases"]) == {before["app1"], deployed.release}
    for story in (found.story, deployed.story):
        assert "was broken off at the step 'start'" in story
    assert "before any host had switched: clearing it away" in deployed.story
    assert set(served.live().values()) == {deployed.release}
    assert step(served, "app1") == step(served, "app2") == ""


def test_interrupt_takes_the_deploy_back_and_says_what_is_true(served: Suite) -> None:
    """Until then another controller is told who is at work, and changes nothing."""
    before = served.live()
    process = in_the_gate(served)
    with served.workspace.fleet(["app1", "app2"]) as fleet:
        found = status(served.workspace, served.workspace.environment.application("tiny"), fleet, now=time.time())
    with pytest.raises(RefusedError, match=r"app-tiny is locked by .*@.* for .* \(since .* UTC\): deploy tiny") as refused:
        served.rollback()

    process.send_signal(signal.SIGINT)
    _output, errors = process.communicate(timeout=300)

    assert found.story == ""
    assert "is under way since" in found.busy
    assert "then run the same again" in refused.value.hint
    assert process.returncode == 130
    assert "was taken back" in errors
    assert served.live() == before
    assert step(served, "app1") == step(served, "app2") == ""


def test_a_cut_link_fails_the_deploy_and_the_next_one_clears_up(served: Suite) -> None:
    before = served.live()
    served.commit({"kind": "never"}, note="the link is cut")
    process = begun(served.project, "-c", IMPATIENT, "deploy", "--env", NAME, "--lab", "--app", "tiny")
    until(lambda: step(served, "app1") == "start" and step(served, "app2") == "start")

    lab.cut_link(served.lab.hosts["app2"])
    try:
        _output, errors = process.communicate(timeout=300)
    finally:
        lab.mend_link(served.lab.hosts["app2"])

    assert process.returncode == 3, errors
    assert "app2: does not answer" in errors
    assert served.live() == before
    assert step(served, "app1") == ""
    served.commit(note="the link is mended")
    until(lambda: is_free(served, "app2"))
    deployed = served.deploy()
    assert "clearing it away" in deployed.story
    assert set(served.live().values()) == {deployed.release}


def switched_on(
    suite: Suite,
    hosts: list[str],
    while_watching: Callable[[Fleet], None] | None = None,
    before_it_dies: Callable[[], object] = lambda: None,
) -> str:
    """A deploy that gets as far as the switch on these hosts and then dies. Gives the release."""
    application = suite.workspace.environment.application("tiny")
    if while_watching:
        application = application.model_copy(update={"gate": application.gate.model_copy(update={"watch_seconds": 60.0})})
    with suite.workspace.fleet(["app1", "app2"]) as fleet:
        cutover = Cutover(suite.workspace, application, fleet, events.nobody, Timer(events.nobody), "deploy", "ada@desk")
        states = cutover.lock_and_look("deploy")
        slots = {host: state.idle for host, state in states.items()}
        serving = states["app1"].live_release
        release = f"{serving}-next"
        seen = {host: Deployment(suite.workspace, application, host, release) for host in slots}
        paths = f"/srv/tiny/releases/{serving} /srv/tiny/releases/{release}"
        copy = Run(command=f"rm -rf /srv/tiny/releases/{release}; cp -a {paths}", user="root")
        record = Record(root=cutover.layout.root, release=release, values={"state": "prepared"})
        cutover.each({host: [copy, *preparation.dress(seen[host]), record] for host in slots})
        cutover.go(start_in(cutover, states, slots, seen))
        with concurrent.futures.ThreadPoolExecutor() as pool:
            switching = pool.submit(cutover.go, [cutover.switch_on(hosts, states, slots, release)])
            if while_watching:
                until(lambda: suite.live()[hosts[0]] == release)
                while_watching(fleet)
            assert isinstance(switching.exception(), ConnectionFailed if while_watching else type(None))
        before_it_dies()
        for host in slots:
            fleet.drop(host)
    return release


def test_between_two_switches_another_controller_is_kept_out_and_after_a_death_goes_back_to_the_release_before(
    served: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the host that has switched as on the one that has not."""
    before = served.live()
    application = served.workspace.environment.application("tiny")

    def restarted() -> None:
        with served.workspace.fleet(["app1", "app2"]) as fleet:
            restart(application, fleet, "", gate_seconds=60.0, operator="bob@desk")

    def others_try() -> None:
        half = served.live()
        for work in (served.deploy, served.rollback, restarted):
            with pytest.raises(RefusedError, match=r"app-tiny is locked by ada@desk for .* \(since .* UTC\): deploy"):
                work()
        assert (served.live(), step(served, "app1")) == (half, "switch")

    monkeypatch.setattr(steps, "LOCK_WAIT", 0.0)
    with Load(served.url(), connections=6) as load:
        half = switched_on(served, ["app1"], before_it_dies=others_try)
        monkeypatch.undo()
        assert set(served.live().values()) == {before["app2"], half}
        back = served.deploy(force=True)

    assert load.figures["lost"] == 0, load.figures
    assert "after app1 had switched: going back to the release before" in back.story
    assert back.before == before["app1"]
    assert set(served.live().values()) == {back.release}


def test_death_after_the_last_switch_is_finished_by_the_next_run(served: Suite) -> None:
    whole = switched_on(served, ["app1", "app2"])
    slot = served.shell("app1", "basename $(readlink /srv/tiny/live)").strip()
    listed = json.loads(served.shell("app1", "cat /srv/tiny/.pm2/dump.pm2"))

    done = served.deploy()

    folders = [entry["pm_cwd"] for entry in listed if entry["name"] == f"tiny-{slot}-web-0"]
    assert folders == [f"/srv/tiny/releases/{whole}"], "a boot would not have brought back what serves"
    assert "after every host had switched: finishing it" in done.story
    assert done.before == whole


def test_a_rollback_that_dies_after_the_last_switch_is_finished_with_its_workers(served: Suite) -> None:
    application = served.workspace.environment.application("tiny")
    release(served, "one to go back from")
    bad = served.live()["app1"]
    with served.workspace.fleet(["app1", "app2"]) as fleet:
        cutover = Cutover(served.workspace, application, fleet, events.nobody, Timer(events.nobody), "rollback", "ada@desk")
        states = cutover.lock_and_look("rollback")
        back = target(states, "")
        slots = {host: state.slot_of(back.release) for host, state in states.items()}
        cutover.go(cutover.switch(states, slots, back.release, warm=True))
        for host in slots:
            fleet.drop(host)

    with pytest.raises(UsageError, match=f"{back.release} serves already"):
        served.rollback(wanted=back.release)

    assert set(served.live().values()) == {back.release}
    state = json.loads(served.shell("app2", f"cat /srv/tiny/records/{bad}.json"))["state"]
    assert state == "bad"
    with served.workspace.fleet(["app1", "app2"]) as fleet:
        found = status(served.workspace, application, fleet, now=time.time())
    assert {(row.host, row.processes) for row in found.rows if row.live} == {("app1", "2/2"), ("app2", "2/2")}


def test_a_host_whose_controller_died_switches_back_by_itself(suite: Suite) -> None:
    now = "/srv/tiny/shared/now"
    suite.commit({"kind": "late", "when": now}, note="fails when it is told to")
    suite.deploy()
    before = suite.live()

    half = switched_on(suite, ["app1"], while_watching=lambda fleet: fleet.drop("app1"))
    switched = suite.live()
    suite.shell("app1", f"touch {now}")
    until(lambda: suite.live() == before)

    assert (switched["app1"], switched["app2"]) == (half, before["app2"])
    suite.shell("app1", f"rm {now}")
    until(lambda: is_free(suite, "app1"))
    back = suite.rollback()  # whoever types it now is back already: once more would be a release too far
    # Which of its looks finds it dying or dead hangs on the moment.
    assert re.search(r"app1 had switched back by itself \(web-0: .+\): clearing it away", back.story)
    assert (back.release, back.undone, suite.live()) == (before["app1"], half, before)
    suite.commit(note="mended")
    assert suite.deploy().story == ""
