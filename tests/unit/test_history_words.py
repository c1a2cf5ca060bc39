"""How one run of the history is told."""

from __future__ import annotations

import dataclasses

from windlass.history.database import HostRow, OperationRow, RunRow
from windlass.tasks.history_words import runs_table, shown


def operation(title: str, status: str, host: str) -> OperationRow:
    return OperationRow(host=host, number=1, title=title, status=status, seconds=0.0, summary="", last_lines=())


def host(name: str) -> HostRow:
    times, counts = {"connecting": 0.0, "waiting": 0.0, "working": 0.0}, {"ok": 0, "changed": 1, "failed": 0, "round_trips": 2}
    return HostRow(host=name, status="changed", message="", **times, **counts, bytes_sent=0, bytes_received=0)


def test_a_check_tells_what_would_change_from_what_only_a_run_can_tell() -> None:
    run = RunRow(run="20260101T000000-aaaaaa", task="setup", environment="staging", checked=True)
    operations = [
        operation("file /etc/x", "changed", "web1"),
        operation("run make", "unknown", "web1"),
        operation("file /etc/x", "changed", "web2"),
    ]

    rows = shown(run, [], operations, "done").splitlines()

    assert rows[-4:] == ["would change:", "  file /etc/x: web1, web2", "unknown until run:", "  run make: web1"]


def test_runs_are_listed_with_what_tells_them_apart() -> None:
    first = RunRow(run="20260101T000000-aaaaaa", task="setup", environment="staging", seconds=2.0, operator="ada@here")
    second = RunRow(run="20260101T000100-bbbbbb", task="deploy", environment="staging", checked=True, operator="ada@here")
    states = {first.run: "done", second.run: "running"}
    alone = runs_table([(second, []), (first, [host("web1")])], states).splitlines()
    several = runs_table([(first, [host("web1"), dataclasses.replace(host("web2"), status="failed")])], states).splitlines()

    assert alone == [
        "run                     what            came to  changed  took",
        "20260101T000100-bbbbbb  deploy --check  running",
        "20260101T000000-aaaaaa  setup           done     1        2.0 s",
    ]
    assert several[1].split("  ")[-1] == "1 of 2"


def test_where_there_is_one_host_alone_it_is_not_named_again() -> None:
    run = RunRow(run="20260101T000000-aaaaaa", task="setup", environment="staging")

    rows = shown(run, [host("web1")], [operation("file /etc/x", "changed", "web1")], "done").splitlines()

    assert rows[-2:] == ["changed:", "  file /etc/x"]


def test_of_a_run_all_that_was_done_is_a_change() -> None:
    run = RunRow(run="20260101T000000-aaaaaa", task="setup", environment="staging")

    rows = shown(run, [], [operation("run make", "unknown", "web1")], "done").splitlines()

    assert rows[-2:] == ["changed:", "  run make: web1"]
