"""A Python application under systemd: FastAPI, Alembic, a Celery worker and beat, with the same promises as any other."""

from __future__ import annotations

import os
import shlex
import signal

import pytest

from demo.generator import Load
from tests.lab.notes.place import HOST, NAME, Notes
from tests.lab.suite.project import git
from tests.waiting import until
from windlass import lab
from windlass.errors import FlowFailed
from windlass.flows.deployment import overview

pytestmark = pytest.mark.lab

PROCESSES = ("web", "worker", "beat")
BROKEN_MIGRATION = """
revision = "broken"
down_revision = "0002"


def upgrade() -> None:
    raise RuntimeError("there is no such column as notes.colour")
"""

# Who writes down that a task of such a mark is done waits until its worker has been told to stop.
HOLD = r"""
CREATE FUNCTION held() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NEW; END';
CREATE TRIGGER held BEFORE INSERT ON runs FOR EACH ROW WHEN (NEW.mark LIKE 'held%') EXECUTE FUNCTION held();
SELECT pg_advisory_lock(7);
\! until [ $(systemctl is-active windlass-notes@{unit}) = deactivating ]; do sleep 0.5; done
SELECT pg_advisory_unlock(7);
DROP FUNCTION held CASCADE;
"""
LOCKS = "psql -XAtc \"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND {}\""


class Beats:
    """How many of beat ran at once, looked at on the host all the while."""

    # A child that has not become another program yet is still called like its parent: it is no second one.
    COUNT = """
import os, time
def beats():
    for number in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = open(f"/proc/{number}/cmdline").read()
            if "celery\\0--app\\0notes.tasks\\0beat" in words:
                yield number, open(f"/proc/{number}/stat").read().rpartition(")")[2].split()[1]
        except OSError:
            continue
while True:
    parents = dict(beats())
    print(sum(parent not in parents for parent in parents.values()), flush=True)
    time.sleep(0.1)
"""

    def __init__(self, notes: Notes) -> None:
        self.notes = notes
        self.most, self.looks = 0, 0

    def __enter__(self) -> Beats:
        self.notes.shell(f"python3 -c {shlex.quote(self.COUNT)} >/run/beats 2>/dev/null </dev/null & echo $! >/run/beats.pid")
        return self

    def __exit__(self, *_error: object) -> None:
        counted = self.notes.shell("kill $(cat /run/beats.pid); cat /run/beats").split()
        self.most, self.looks = max(map(int, counted)), len(counted)


def running(notes: Notes) -> set[str]:
    """The units that run."""
    return {name for name, state in notes.units().items() if state == "active"}


def slots(notes: Notes) -> tuple[str, str]:
    """The slot that serves, and the other one."""
    live = notes.shell("basename $(readlink /srv/notes/live)").strip()
    return live, "green" if live == "blue" else "blue"


def begin(notes: Notes, mark: str) -> None:
    """The worker is at a task of this mark, and goes on with it until a deploy stops the worker, however late that is."""

    def locks(which: str) -> str:
        return notes.shell(f"cd / && su postgres -c {shlex.quote(LOCKS.format(which))}").strip()

    script = HOLD.format(unit=f"{slots(notes)[0]}-worker-0")
    notes.shell(
        f"cat >/run/hold.sql <<'END'\n{script}\nEND\nsystemd-run -q --uid=postgres psql -Xqo /dev/null -f /run/hold.sql notes"
    )
    until(lambda: locks("granted") == "1")
    notes.ask(f"/work?mark={mark}&seconds=0", "POST")
    until(lambda: locks("NOT granted") == "1")


def in_the_background(notes: Notes) -> set[str]:
    """The workers that run, whatever slot is theirs."""
    return {name for name in running(notes) if "-web-" not in name}


def test_the_release_runs_as_units_with_an_environment_of_its_own_that_was_moved_there(notes: Notes) -> None:
    release = f"/srv/notes/releases/{notes.live()}"
    number = notes.ask("/notes", "POST", {"text": "three words here"})["id"]

    until(lambda: notes.ask("/notes")["notes"][0] == {"id": number, "text": "three words here", "words": 3})

    slot, _other = slots(notes)
    assert running(notes) >= {f"{slot}-{name}-0" for name in PROCESSES}
    assert notes.shell(f"cd / && su notes -s /bin/sh -c '{release}/.venv/bin/alembic --version'").startswith("alembic ")
    assert notes.shell(f"grep -rlI /srv/notes/build {release}/.venv/bin || true") == ""
    assert notes.shell(f"find {release}/.venv/lib -name '*.py' -path '*/fastapi/*' -newer {release}/.env") == ""
    for name, memory, patience in (("web", 250, "5s"), ("worker", 600, "1min"), ("beat", 200, "30s")):
        shown = notes.shell(f"systemctl show windlass-notes@{slot}-{name}-0 -p MemoryMax,TimeoutStopUSec,User,NoNewPrivileges")
        assert dict(line.split("=") for line in shown.splitlines()) == {
            "MemoryMax": str(memory << 20), "TimeoutStopUSec": patience, "User": "notes", "NoNewPrivileges": "yes",
        }  # fmt: skip
    assert notes.shell(f"stat -c '%U %G %a' /var/log/notes/{slot}-web-0.log").split() == ["notes", "adm", "660"]


def test_a_deploy_and_the_way_back_lose_no_request_and_no_task(notes: Notes) -> None:
    before = notes.live()
    notes.commit("better")
    begin(notes, "held")

    with Load(notes.url, connections=6) as load, Beats(notes) as beats:
        deployed = notes.deploy()
        back = notes.rollback()

    assert load.figures["lost"] == 0, load.figures
    assert load.figures["requests"] > 100
    assert set(load.figures["releases"]) == {before, deployed.release}
    assert (back.release, back.warm) == (before, True)
    # With one host: the hello; the lock, a look and the build; all from the files to the tidying.
    assert [sum(each.round_trips.values()) for each in (deployed, back)] == [3, 3]
    assert (beats.most, beats.looks > 50) == (1, True)
    assert notes.ask("/runs?mark=held") == {"count": 1, "releases": [before]}
    live, other = slots(notes)
    assert running(notes) == {*(f"{live}-{name}-0" for name in PROCESSES), f"{other}-web-0"}


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"FAULT": "throw"}, "no such module as notes.plan_b"),
        ({"CRASH_WHEN_PID_IN": "/srv/notes/live/run/web-0.pid"}, "web-0 failed after the switch"),
        ({}, "there is no such column as notes.colour"),
    ],
    ids=["throws", "crashes once it is live", "migration fails"],
)
def test_a_broken_release_is_refused_or_taken_back(notes: Notes, fault: dict[str, str], said: str) -> None:
    before, live = notes.live(), slots(notes)[0]
    if not fault:
        notes.commit("broken", broken=BROKEN_MIGRATION)

    with Load(notes.url, connections=3) as load, Beats(notes) as beats, pytest.raises(FlowFailed) as caught:
        notes.deploy({**fault, "FAULT_IN": "web"})

    assert said in "\n".join((*caught.value.last_lines, caught.value.message))
    assert notes.live() == before
    if "CRASH_WHEN_PID_IN" not in fault:
        assert load.figures["lost"] == 0, load.figures
        assert set(load.figures["releases"]) == {before}
    assert {name for name in running(notes) if name.startswith(live)} == {f"{live}-{name}-0" for name in PROCESSES}
    assert in_the_background(notes) == {f"{live}-worker-0", f"{live}-beat-0"}
    assert beats.most == 1
    if not fault:
        git(notes.project / "notes", "reset", "-q", "--hard", "HEAD~")


@pytest.mark.parametrize("process", ["worker", "beat"])
def test_a_task_is_done_once_and_the_old_processes_go_on_when_the_next_one_never_begins(notes: Notes, process: str) -> None:
    before, live = notes.live(), slots(notes)[0]
    begin(notes, f"held-{process}")

    with Beats(notes) as beats, pytest.raises(FlowFailed) as caught:
        notes.deploy(**{process: "false"})
    done = notes.ask(f"/runs?mark=held-{process}")
    notes.ask(f"/work?mark=after-{process}&seconds=0", "POST")
    until(lambda: notes.ask(f"/runs?mark=after-{process}")["count"] > 0)

    assert f"{process}-0" in "\n".join((*caught.value.last_lines, caught.value.message))
    assert done == {"count": 1, "releases": [before]}
    assert notes.ask(f"/runs?mark=after-{process}") == {"count": 1, "releases": [before]}
    assert notes.live() == before
    assert in_the_background(notes) == {f"{live}-worker-0", f"{live}-beat-0"}
    assert beats.most == 1


def test_a_controller_that_is_killed_after_the_switch_leaves_a_run_that_the_next_one_finishes(notes: Notes) -> None:
    before = notes.live()
    process = notes.command("deploy", "--env", NAME, "--lab", "--app", "notes", "--force")
    until(lambda: process.poll() is not None or notes.live() != before)

    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    switched = notes.live()
    done = notes.deploy()

    assert switched != before
    assert "after every host had switched: finishing it" in done.story
    assert (done.changed, done.release) == (False, switched)
    live, other = slots(notes)
    assert running(notes) == {*(f"{live}-{name}-0" for name in PROCESSES), f"{other}-web-0"}


def test_a_process_that_was_killed_comes_back_and_so_does_all_of_it_after_a_reboot(notes: Notes) -> None:
    live, _other = slots(notes)
    release, units = notes.live(), running(notes)
    pid = notes.shell(f"cat /run/notes/{live}/web-0.pid").strip()
    notes.shell(f"kill -9 {pid}")
    until(lambda: notes.shell(f"cat /run/notes/{live}/web-0.pid").strip() != pid)

    lab.reboot(notes.lab, HOST, say=lambda _line: None)

    until(lambda: running(notes) == units)
    until(lambda: "200" in notes.shell("curl -s -o /dev/null -w '%{http_code}' http://localhost/healthz"))
    assert notes.ask("/version") == {"release": release, "slot": live}


def test_an_older_release_is_started_anew(notes: Notes) -> None:
    def cold_ones() -> list[str]:
        return [each.release for each in overview.releases(notes.workspace, notes.application).back if not each.warm]

    for number in range(3):  # after as many, one of them is neither live nor warm
        if not cold_ones():
            notes.commit(f"one more: {number}")
            assert notes.deploy().changed
    cold = cold_ones()

    back = notes.rollback(cold[0])

    assert (back.release, back.warm) == (cold[0], False)
    assert notes.ask("/version")["release"] == cold[0] == notes.live()


def test_the_processes_can_be_seen_and_restarted_one_by_one(notes: Notes) -> None:
    live, _other = slots(notes)
    with notes.workspace.fleet([HOST]) as fleet:
        before = {each["name"]: each for each in overview.processes(notes.application, fleet)[HOST]}  # type: ignore[union-attr]
        done = overview.restart(notes.application, fleet, "worker", gate_seconds=20, operator="ada@desk")
        after = {each["name"]: each for each in overview.processes(notes.application, fleet)[HOST]}  # type: ignore[union-attr]

    changed = {name for name in before if before[name]["pid"] != after[name]["pid"]}

    assert done == {HOST: (f"notes-{live}-worker-0",)}
    assert changed == {f"{live}-worker-0"}
    assert before[f"{live}-web-0"]["status"] == "active (running)"
