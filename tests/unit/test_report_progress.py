"""What a run has come to, folded from its events; and the words for it."""

import itertools

from windlass import events
from windlass.report.diffs import SharedDiff, render_diffs, shared_diffs
from windlass.report.json_output import hosts_object
from windlass.report.progress import Change, Progress
from windlass.report.wording import Line, line_of, summary_lines


def told(*happened: events.Event) -> Progress:
    """A progress whose clock goes on by one second each time it is read."""
    ticks = itertools.count()
    progress = Progress(clock=lambda: float(next(ticks)))
    for event in happened:
        progress(event)
    return progress


def test_operations_are_counted_and_what_changed_is_kept() -> None:
    progress = told(
        events.OperationStarted("web1", "directory /srv", 0, 2),
        events.OperationEnded("web1", "directory /srv", "ok"),
        events.OperationStarted("web1", "file /etc/x", 1, 2),
        events.OperationEnded("web1", "file /etc/x", "changed", 0.1, "content differs", "+x"),
        events.HostEnded("web1"),
    )

    host = progress.hosts["web1"]
    assert (host.status, host.counts["ok"], host.counts["changed"]) == ("changed", 1, 1)
    assert host.changes == [Change("file /etc/x", "changed", "content differs", "+x")]


def test_a_host_at_work_says_what_it_is_at() -> None:
    progress = told(events.OperationStarted("web1", "package nginx", 4, 9))

    host = progress.hosts["web1"]
    assert (host.status, host.current, host.index, host.total) == ("working", "package nginx", 4, 9)


def test_a_host_that_failed_once_stays_failed_in_later_batches() -> None:
    progress = told(
        events.HostEnded("web1", failed="the connection was lost"),
        events.OperationStarted("web1", "undo", 0, 1),
        events.OperationEnded("web1", "undo", "changed"),
        events.HostEnded("web1"),
    )

    assert (progress.hosts["web1"].status, progress.hosts["web1"].failed) == ("failed", "the connection was lost")


def test_a_step_that_comes_twice_is_two_steps() -> None:
    progress = told(
        events.StepStarted("gate"),
        events.StepEnded("gate", 1.0, failed=True, detail="no answer"),
        events.StepStarted("gate"),
    )

    assert [(step.seconds, step.failed, step.detail) for step in progress.steps] == [
        (1.0, True, "no answer"),
        (None, False, ""),
    ]


def test_the_json_of_a_host_holds_diffs_only_where_they_are_wanted() -> None:
    progress = told(events.OperationEnded("web1", "file /etc/x", "changed", 0.1, "differs", "+x"), events.HostEnded("web1"))
    change = {"operation": "file /etc/x", "status": "changed", "summary": "differs"}
    host = {"status": "changed", "message": "", "ok": 0, "changed": 1, "unknown": 0, "skipped": 0, "failed": 0}

    assert hosts_object(progress, diffs=False) == {"web1": {**host, "changes": [change]}}
    assert hosts_object(progress, diffs=True) == {"web1": {**host, "changes": [{**change, "diff": "+x"}]}}


def test_unchanged_and_skipped_operations_are_worth_no_line() -> None:
    assert line_of(events.OperationEnded("web1", "t", "ok")) is None
    assert line_of(events.OperationEnded("web1", "t", "skipped")) is None
    assert line_of(events.OperationStarted("web1", "t", 0, 1)) is None
    assert line_of(events.HostEnded("web1")) is None


def test_a_check_says_would_change_and_a_run_changed() -> None:
    event = events.OperationEnded("web1", "file /etc/x", "changed", 0.1, "content differs")

    assert line_of(event) == Line("changed", "changed: file /etc/x (content differs)", "web1")
    assert line_of(event, check=True) == Line("changed", "would change: file /etc/x (content differs)", "web1")


def test_the_end_of_a_host_whose_operation_failed_has_been_told_already() -> None:
    progress = told(events.OperationEnded("web1", "t", "failed", 0.1, "no"))
    end = events.HostEnded("web1", failed="t failed on web1: no")

    assert line_of(end, progress) is None
    assert line_of(end, told()) == Line("failed", "t failed on web1: no", "web1")


def test_a_host_of_a_step_waits_until_its_first_operation() -> None:
    progress = told(events.StepStarted("setup", ("web1",)))
    waiting = progress.hosts["web1"].status
    progress(events.OperationStarted("web1", "t", 0, 1))

    assert (waiting, progress.hosts["web1"].status) == ("waiting", "working")


def test_a_step_names_its_hosts_until_they_are_too_many() -> None:
    many = tuple(f"web{number}" for number in range(7))

    assert line_of(events.StepStarted("switch", ("web1", "web2"))) == Line("step", "switch on web1, web2")
    assert line_of(events.StepStarted("switch", many)) == Line("step", "switch on 7 hosts")


def test_the_end_of_a_failed_step_says_how_long_and_why() -> None:
    assert line_of(events.StepEnded("gate", 12.0, failed=True, detail="web1 exited")) == Line(
        "failed", "gate failed after 12.0 s: web1 exited"
    )


def test_the_summary_has_one_line_per_host_in_order() -> None:
    progress = told(
        events.OperationEnded("web2", "t", "failed"),
        events.OperationEnded("web1", "t", "ok"),
        events.HostEnded("web1"),
        events.HostEnded("web2", failed="t failed"),
    )

    lines = summary_lines(progress)
    assert [(line.host, line.kind, line.text) for line in lines] == [
        ("web1", "ok", "1 ok, 1.0 s"),
        ("web2", "failed", "1 failed, 3.0 s"),
    ]


def test_the_same_diff_on_several_hosts_is_shown_once() -> None:
    progress = told(
        events.OperationEnded("web2", "file /etc/x", "changed", diff="+same"),
        events.OperationEnded("web1", "file /etc/x", "changed", diff="+same"),
        events.OperationEnded("web3", "file /etc/x", "changed", diff="+other"),
    )

    diffs = shared_diffs(progress.hosts.values())
    assert diffs == [
        SharedDiff("file /etc/x", "+same", ("web1", "web2")),
        SharedDiff("file /etc/x", "+other", ("web3",)),
    ]
    assert render_diffs(diffs) == "file /etc/x on web1, web2\n+same\n\nfile /etc/x on web3\n+other\n"


def test_a_coloured_diff_tells_signs_from_file_names() -> None:
    diff = SharedDiff("file x", "--- x\n+++ x\n@@ -1 +1 @@\n-old\n+new\n same", ("web1",))

    assert render_diffs([diff], colour=True).splitlines() == [
        "\x1b[1mfile x on web1\x1b[0m",
        "\x1b[1m--- x\x1b[0m",
        "\x1b[1m+++ x\x1b[0m",
        "\x1b[36m@@ -1 +1 @@\x1b[0m",
        "\x1b[31m-old\x1b[0m",
        "\x1b[32m+new\x1b[0m",
        " same",
    ]
