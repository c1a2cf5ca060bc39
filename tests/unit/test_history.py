"""What runs leave behind: event logs, the history, and what is said when neither can be written."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.unit.sample_project import REPOSITORY, run_tasks, surroundings, write_project
from windlass import events
from windlass.errors import FlowFailed
from windlass.events import Finished
from windlass.history.database import Forgetting, History, NewerHistory, RunRow
from windlass.history.ledger import Ledger
from windlass.history.record import MOST_RUNS, Record
from windlass.report.errors import error_object
from windlass.values import new_run_id

STORY = (
    events.RunStarted("r1", "setup", "staging"),
    events.StepStarted("setup", ("web1", "web2")),
    events.HostConnected("web1", 0.2, 1, 30_000, 400),
    events.OperationStarted("web1", "package nginx", 0, 2),
    events.OperationOutput("web1", ("Unpacking",)),
    events.OperationEnded("web1", "package nginx", "changed", 3.5, "installed 1.22"),
    events.OperationEnded("web1", "service nginx", "failed", 0.25, "it does not start", last_lines=("emerg", "bad line")),
    events.BatchEnded("web1", 4.0, 1, 900, 700),
    events.HostEnded("web1", failed="service nginx failed on web1: it does not start"),
    events.HostEnded("web2", failed="web2 cannot be reached"),
    Finished("setup", "staging", "failed"),
)
FAILED = error_object(FlowFailed("setup failed", hosts={"web1": "broken", "web2": "away"}, hint="mend it"))


def recorded(
    folder: Path, run: str = "r1", story: tuple[events.Event, ...] = STORY, command: str = "setup --env staging"
) -> Record:
    record = Record(folder, RunRow(run=run, task="setup", environment="staging", command=command))
    for event in story:
        record(event)
    record.end(5.0, "failed", 1, FAILED)
    return record


def lines_of(folder: Path, run: str = "r1") -> list[dict[str, Any]]:
    text = (folder / "runs" / run / "events.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_the_event_log_tells_a_run_in_the_order_in_which_it_happened(tmp_path: Path) -> None:
    record = recorded(tmp_path)
    lines = lines_of(tmp_path)

    assert [line["event"] for line in lines] == [
        "run_started", "step_started", "host_connected", "operation_ended", "operation_ended", "batch_ended",
        "host_ended", "host_ended", "run_ended",
    ]  # fmt: skip
    started = {name: value for name, value in lines[0].items() if name not in ("at", "elapsed")}
    head = {"event": "run_started", "version": 1, "run": "r1"}
    assert started == head | {"task": "setup", "environment": "staging", "check": False}
    assert {name: lines[4][name] for name in ("host", "operation", "status", "seconds", "last_lines")} == {
        "host": "web1",
        "operation": "service nginx",
        "status": "failed",
        "seconds": 0.25,
        "last_lines": ["emerg", "bad line"],
    }
    assert (lines[-1]["exit_code"], lines[-1]["error"]["hint"]) == (1, "mend it")
    assert [line["elapsed"] for line in lines] == sorted(line["elapsed"] for line in lines)
    assert record.warnings == []


def test_a_name_that_is_no_text_breaks_no_log(tmp_path: Path) -> None:
    odd = events.OperationEnded("web1", "file /srv/\udcff", "changed", 0.1)
    ended = events.HostEnded("web1", failed="file /srv/\udcff failed")
    record = recorded(tmp_path, story=(*STORY[:3], odd, ended, *STORY[3:]), command="setup \udcff")
    run, hosts, operations = History(tmp_path).show("r1")

    assert "file /srv/\udcff" in [line.get("operation") for line in lines_of(tmp_path)]
    assert lines_of(tmp_path)[-1]["event"] == "run_ended"
    assert not record.warnings
    assert run.command == r"setup \udcff"
    assert r"file /srv/\udcff" in [each.title for each in operations]
    assert hosts[0].host == "web1"


def test_the_log_and_the_history_are_for_their_owner_alone(tmp_path: Path) -> None:
    recorded(tmp_path)

    modes = {str(path.relative_to(tmp_path)): path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert modes == {"runs": 0o700, "runs/r1": 0o700, "runs/r1/events.jsonl": 0o600, "history.sqlite": 0o600}


def test_a_run_that_concerns_no_host_leaves_nothing(tmp_path: Path) -> None:
    recorded(tmp_path, story=(STORY[0], events.Note("only looked")))

    # the error names hosts, but nobody spoke to any
    assert list(tmp_path.iterdir()) == []


def test_a_host_that_answers_a_run_which_has_ended_does_not_begin_it_anew(tmp_path: Path) -> None:
    record = recorded(tmp_path, story=(STORY[0],))
    record(STORY[2])

    assert list(tmp_path.iterdir()) == []


def test_the_history_tells_what_each_host_came_to(tmp_path: Path) -> None:
    recorded(tmp_path)
    run, (web1, web2), (package, service) = History(tmp_path).show("r1")

    assert (run.status, run.message, run.hint, run.seconds) == ("failed", "setup failed", "mend it", 5.0)
    assert (web1.status, web1.changed, web1.failed, web1.round_trips, web1.bytes_sent) == ("failed", 1, 1, 2, 30_900)
    assert (web1.connecting, web1.waiting, web1.working) == (0.2, 0.25, 3.75)
    assert (web2.status, web2.message) == ("failed", "web2 cannot be reached")
    assert (package.title, package.status, package.summary) == ("package nginx", "changed", "installed 1.22")
    assert service.last_lines == ("emerg", "bad line")


def test_runs_are_found_by_environment_host_and_task(tmp_path: Path) -> None:
    history = History(tmp_path)
    ledger = Ledger()
    ledger(events.HostEnded("web1"))
    ledger.host("web1")
    for name, environment, task in (("a1", "staging", "setup"), ("a2", "production", "deploy"), ("b3", "staging (lab)", "deploy")):
        hosts = ledger.in_order() if task == "setup" else []
        history.write(RunRow(run=name, task=task, environment=environment, began=time.time()), hosts)

    def found(**wanted: Any) -> list[str]:
        return [run.run for run, _hosts in history.runs(**wanted)]

    assert found() == ["b3", "a2", "a1"]
    assert found(last=2) == ["b3", "a2"]
    assert found(environment="staging", task="deploy") == ["b3"]
    assert found(host="web1") == ["a1"]
    assert history.find("a") == ["a2", "a1"]


def test_only_the_newest_runs_are_kept_and_none_for_ever(tmp_path: Path) -> None:
    history = History(tmp_path)
    for number in range(5):
        history.write(RunRow(run=f"r{number}", task="setup", environment="staging", began=1000.0 * number), [])

    def stay(**forgetting: Any) -> list[str]:
        last = RunRow(run="r4", task="setup", environment="staging", began=4000.0)
        return sorted(history.conclude(last, [], Forgetting(**forgetting)))

    assert stay(before=500.0, keep=3) == ["r2", "r3", "r4"]
    assert stay(before=1e10, keep=3, spare=2) == ["r3", "r4"]  # the clock has jumped
    history.write(RunRow(run="r2", task="setup", environment="staging", began=2000.0), [])
    assert stay(before=3500.0, keep=3) == ["r4"]
    assert MOST_RUNS == 200


def test_runs_at_the_same_time_do_not_disturb_each_other(tmp_path: Path) -> None:
    def several(name: str) -> None:
        for number in range(10):
            History(tmp_path).write(RunRow(run=f"{name}{number}", task="setup", environment="staging", began=time.time()), [])

    threads = [threading.Thread(target=several, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(History(tmp_path).runs(last=100)) == 40


def test_a_broken_history_is_put_aside_and_a_new_one_begins(tmp_path: Path) -> None:
    (tmp_path / "history.sqlite").write_bytes(b"not a database at all" * 100)
    record = recorded(tmp_path)

    (warning,) = record.warnings
    aside = next(tmp_path.glob("history.sqlite.broken-*"))
    assert str(aside) in warning
    assert aside.read_bytes().startswith(b"not a database")
    assert [run.run for run, _hosts in History(tmp_path).runs()] == ["r1"]


def test_a_history_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    recorded(tmp_path)
    import sqlite3  # noqa: PLC0415

    database = sqlite3.connect(tmp_path / "history.sqlite", isolation_level=None)
    database.execute("PRAGMA user_version = 99")
    database.close()

    assert "a newer Windlass" in recorded(tmp_path, "r2").warnings[0]
    with pytest.raises(NewerHistory):
        History(tmp_path).runs()


def test_a_folder_that_cannot_be_written_is_a_warning_and_no_failure(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("in the way")
    record = recorded(tmp_path)

    assert len([warning for warning in record.warnings if warning.startswith("the event log of this run is not kept")]) == 1


def test_a_run_that_was_killed_broke_off(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    name = new_run_id()
    code = (
        "import sys, time; from pathlib import Path; from windlass import events; from windlass.history.record import Record\n"
        "from windlass.history.database import Forgetting, RunRow\n"
        f"record = Record(Path('.windlass'), RunRow(run='{name}', task='setup', environment='staging', command='w setup'))\n"
        "record(events.HostEnded('web1')); print('at work', flush=True); time.sleep(60)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code], cwd=project, env=surroundings(REPOSITORY), stdout=subprocess.PIPE)
    assert child.stdout
    child.stdout.readline()
    during = json.loads(run_tasks(project, "history", "--json").stdout)
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    after = json.loads(run_tasks(project, "history", "--json").stdout)
    shown = run_tasks(project, "history.show", "last").stdout

    assert [run["status"] for run in during["result"]["runs"]] == ["running"]
    assert [run["status"] for run in after["result"]["runs"]] == ["broke_off"]
    assert shown.endswith(f"\nor, with the values that it was begun with: w setup --env staging --resume {name}\n")


def test_the_run_of_a_real_command_is_shown_with_what_to_type_next(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    done = json.loads(run_tasks(project, "setup", "--env", "staging", "--json").stdout)
    listed = json.loads(run_tasks(project, "history", "--env", "staging", "--json").stdout)["result"]["runs"]
    shown = run_tasks(project, "history.show", "last")

    assert [run["run"] for run in listed] == [done["run"]]
    assert lines_of(project / ".windlass", done["run"])[0]["run"] == done["run"]
    rows = shown.stdout.splitlines()
    assert rows[0].startswith(f"{done['run']}  failed in ")
    assert "error: setup failed on 2 of 2 hosts" in rows
    assert rows[-1].endswith("setup --env staging --json")
    assert f"began {done['run'][:4]}-" in shown.stdout
    assert " UTC by " in shown.stdout


def test_a_run_that_is_not_known_is_wrong_usage(tmp_path: Path) -> None:
    done = run_tasks(write_project(tmp_path), "history.show", "x")

    assert (done.returncode, done.stderr) == (2, "error: run x is not known here\nhint: invoke history lists them\n")


def test_a_run_is_as_new_as_its_beginning_whatever_the_clock_said_then(tmp_path: Path) -> None:
    """A clock that was ahead of its time for one run, and behind for another."""
    history = History(tmp_path)

    def written(run: str, **more: Any) -> None:
        history.write(RunRow(run=run, task="setup", environment="staging", **more), [])

    for name in ("20360101T000000-aaaaaa", "20260101T000000-bbbbbb", "19700101T000000-cccccc"):
        written(name, began=2e9)
    written("20360101T000000-aaaaaa", began=2e9, status="done")

    assert [run.run[:4] for run, _hosts in history.runs()] == ["1970", "2026", "2036"]
    assert history.find("")[0].startswith("1970")
    last = RunRow(run="19700101T000000-cccccc", task="setup", environment="staging", began=2e9)
    kept = history.conclude(last, [], Forgetting(before=1.0, keep=2))
    assert sorted(kept) == ["19700101T000000-cccccc", "20260101T000000-bbbbbb"]


def test_a_run_that_began_before_its_time_is_still_told_of_when_the_clock_is_right(tmp_path: Path) -> None:
    record = Record(tmp_path, RunRow(run="19700101T000000-cccccc", task="setup", environment="staging"))
    record._run = dataclasses.replace(record._run, began=0.0)
    for number in range(30):
        recorded(tmp_path, f"20260101T0000{number:02}-aaaaaa")
    for event in STORY:
        record(event)

    record.end(5.0, "failed", 1, FAILED)

    assert History(tmp_path).runs()[0][0].status == "failed"
    assert (tmp_path / "runs/19700101T000000-cccccc/events.jsonl").exists()
