"""What a person sees: plain lines, the live view, errors, and the JSON document, compared as rendered text."""

import io
import json
import os

import pytest

from windlass import events
from windlass.errors import FlowFailed, InventoryError, OperationFailed, WindlassError
from windlass.report.console import LiveReport
from windlass.report.errors import error_object, render_error
from windlass.report.json_output import write_document
from windlass.report.masking import Mask
from windlass.report.plain import PlainReport
from windlass.report.progress import Progress
from windlass.report.screen import can_redraw, masked, open_view, wants_colour
from windlass.report.tables import table
from windlass.report.wording import Line, line_of
from windlass.terminal import unpainted
from windlass.values import Secret

STORY = (
    events.StepStarted("prepare", ("web1", "web2")),
    events.OperationStarted("web1", "package nginx", 0, 2),
    events.OperationEnded("web1", "package nginx", "ok"),
    events.OperationStarted("web1", "file /etc/x", 1, 2),
    events.OperationEnded("web1", "file /etc/x", "changed", 0.1, "content differs"),
    events.HostEnded("web1"),
    events.Note("two\nlines", "web1", warning=True),
    events.HostEnded("web2", failed="web2 cannot be reached"),
    events.StepEnded("prepare", 3.2, failed=True, detail="1 of 2 hosts"),
)


def still_progress() -> Progress:
    return Progress(clock=lambda: 100.0)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_run_goes_on_when_nobody_reads_its_lines_any_more() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    progress = still_progress()
    with os.fdopen(writer, "w", buffering=1, encoding="utf-8") as stream:
        with PlainReport(stream, progress) as view:
            for event in STORY:
                view(event)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, writer)  # for what is left in the buffer
        os.close(null)

    assert progress.hosts["web2"].failed == "web2 cannot be reached"


def test_plain_lines_have_their_host_in_front() -> None:
    stream = io.StringIO()
    with PlainReport(stream, still_progress()) as view:
        for event in STORY:
            view(event)

    assert stream.getvalue().splitlines() == [
        "== prepare on web1, web2",
        "[web1] changed: file /etc/x (content differs)",
        "[web1] warning: two",
        "[web1] warning: lines",
        "[web2] web2 cannot be reached",
        "== prepare failed after 3.2 s: 1 of 2 hosts",
        "[web1] 1 ok, 1 changed, 0 ms",
        "[web2] nothing done, 0 ms",
    ]


OUTPUT = (
    events.OperationStarted("web1", "package nginx", 0, 2),
    events.OperationOutput("web1", ("Unpacking nginx", "Setting up nginx"), missed=7),
)


def test_with_verbose_all_that_programs_write_has_its_host_in_front() -> None:
    stream = io.StringIO()
    view = PlainReport(stream, still_progress(), verbose=True)
    for event in OUTPUT:
        view(event)

    assert stream.getvalue().splitlines() == [
        "[web1] | … 7 lines more …",
        "[web1] | Unpacking nginx",
        "[web1] | Setting up nginx",
    ]


def test_without_it_a_long_operation_gives_a_sign_of_life_every_ten_seconds() -> None:
    stream, times = io.StringIO(), iter((0.0, 0.0, 0.0, 0.0, 9.0, 12.0, 15.0, 23.0, 99.0))
    view = PlainReport(stream, Progress(clock=lambda: next(times)))
    for event in (*OUTPUT, OUTPUT[1], OUTPUT[1], OUTPUT[1]):
        view(event)

    assert stream.getvalue().splitlines() == [
        "[web1] still at package nginx (12.0 s): Setting up nginx",
        "[web1] still at package nginx (23.0 s): Setting up nginx",
    ]


def test_the_last_line_of_the_program_under_way_stands_beside_its_host() -> None:
    report = live_report()
    for event in OUTPUT:
        report(event)

    assert drawn(report)[1] == "⠋ web1          0 ms  1/2  package nginx  Setting up nginx"

    report(events.OperationEnded("web1", "package nginx", "ok"))
    assert drawn(report)[1] == "⠋ web1          0 ms  2/2  package nginx"


def test_a_long_title_leaves_room_for_what_the_program_says() -> None:
    report = live_report()
    report(events.OperationStarted("web1", "packages nginx-light, postgresql-15, redis-server", 0, 2))
    report(OUTPUT[1])

    assert drawn(report)[1] == "⠋ web1          0 ms  1/2  packages nginx-light, postg…  Setting up ngi…"


def live_report(height: int = 25) -> LiveReport:
    report = LiveReport(io.StringIO(), still_progress(), title="setup · staging")
    report.console.size = (72, height)
    return report


def drawn(report: LiveReport) -> list[str]:
    with report.console.capture() as captured:
        report.console.print(report.view())
    return [row.rstrip() for row in captured.get().splitlines()]


def test_the_live_view_shows_steps_and_what_each_host_is_at() -> None:
    report = live_report()
    for event in STORY[:4]:
        report(event)
    report(events.HostEnded("web2", failed="web2 cannot be reached"))

    assert drawn(report) == [
        "setup · staging  0 ms",
        "⠋ prepare on web1, web2  0 ms",
        "⠋ web1          0 ms  2/2  file /etc/x",
        "✗ web2          0 ms  web2 cannot be reached",
    ]


def test_a_long_title_is_cut_at_the_end_of_the_row() -> None:
    report = live_report()
    report(events.OperationStarted("web1", "archive " + "x" * 80, 0, 1))

    assert drawn(report)[1] == "⠋ web1          0 ms  1/1  archive " + "x" * 36 + "…"


def test_what_is_longer_than_a_line_goes_on_below_its_beginning() -> None:
    report = live_report()
    with report.console.capture() as captured:
        report(
            events.OperationEnded("web1", "file /etc/systemd/system/web.service from template web.j2", "changed", 0.1, "content")
        )

    assert [row.rstrip() for row in captured.get().splitlines()] == [
        "  web1  changed: file /etc/systemd/system/web.service from",
        "      template web.j2 (content)",
    ]


def test_a_small_window_shows_failed_and_working_hosts_first() -> None:
    report = live_report(height=6)
    for number in range(1, 9):
        report(events.OperationStarted(f"web{number}", "package nginx", 0, 1))
    for number in range(1, 7):
        report(events.HostEnded(f"web{number}", failed="broken" if number == 6 else ""))

    rows = drawn(report)
    assert [row.split()[1] for row in rows[1:4]] == ["web6", "web7", "web8"]
    assert rows[4] == "… and 5 more: 5 through, 0 not yet"


def test_an_error_says_where_shows_the_last_lines_and_what_to_do() -> None:
    error = OperationFailed("nginx -t failed", host="web1", tried="service nginx", hint="mend it", last_lines=["emerg", ""])

    assert render_error(error) == "error: web1: nginx -t failed\n  | emerg\n  |\nhint: mend it"


def test_what_a_program_said_again_and_again_is_shown_once() -> None:
    error = OperationFailed("no answer", last_lines=["starts", *["GET / 404"] * 24, "", "", "GET / 404"])

    assert render_error(error).splitlines()[1:] == ["  | starts", "  | GET / 404  (24 times)", "  |", "  | GET / 404"]


def test_on_a_narrow_terminal_what_happened_is_cut_between_words_and_a_hint_never() -> None:
    error = OperationFailed("web-0 was not ready after 60 s", host="web1", hint="windlass status --env production --app shop")

    assert render_error(error, width=30).splitlines() == [
        "error: web1: web-0 was not",
        "  ready after 60 s",
        "hint: windlass status --env production --app shop",
    ]


def test_what_is_true_on_a_host_is_cut_between_words_as_well() -> None:
    error = FlowFailed("setup failed on 1 of 2 hosts", hosts={"web2": "directory /srv/notes failed: it is not a directory"})

    assert render_error(error, width=40).splitlines() == [
        "error: setup failed on 1 of 2 hosts",
        "  web2: directory /srv/notes failed: it",
        "    is not a directory",
    ]


def test_columns_that_a_terminal_has_no_room_for_go_below_their_row() -> None:
    head, rows = (
        ("host", "release", "", "memory", "unused", "cpu"),
        (("web1", "r1", "live", "9 MiB", "", "0 %"), ("b", "", "", "", "", "1 %")),
    )

    assert table(head, rows, width=len("host  release        memory  cpu")).splitlines() == [
        "host  release        memory  cpu",
        "web1  r1       live  9 MiB   0 %",
        "b                            1 %",
    ]
    assert table(head, rows, width=20).splitlines() == [
        "host  release",
        "web1  r1       live",
        "    memory 9 MiB,",
        "    cpu 0 %",
        "b",
        "    cpu 1 %",
    ]
    assert table(("one",), [("x" * 50,)], width=9) == "one\n" + "x" * 50


def test_a_host_that_the_message_names_is_not_named_twice() -> None:
    lengthy = WindlassError("no", last_lines=["a" * 5000 + "the end"])
    assert len(render_error(lengthy)) < 700
    assert render_error(lengthy).endswith("the end")
    assert render_error(WindlassError("web1 is off", host="web1")) == "error: web1 is off"


def test_a_failed_flow_says_what_is_true_on_each_host() -> None:
    error = FlowFailed("deploy failed on 1 of 2 hosts", hosts={"web1": "old serves", "web2": "new serves"})

    assert render_error(error) == "error: deploy failed on 1 of 2 hosts\n  web1: old serves\n  web2: new serves"
    assert error_object(error)["hosts"] == {"web1": "old serves", "web2": "new serves"}


def test_the_faults_of_an_inventory_can_be_clicked() -> None:
    error = InventoryError("staging: 1 fault", last_lines=["inventories/staging/hosts.yml:3: hosts: unknown key"])

    assert render_error(error).splitlines()[1] == "  inventories/staging/hosts.yml:3: hosts: unknown key"


def test_colours_only_mark_the_two_words() -> None:
    assert render_error(WindlassError("no", hint="yes"), colour=True) == ("\x1b[1;31merror:\x1b[0m no\n\x1b[33mhint:\x1b[0m yes")


def test_the_document_is_one_object_without_secrets() -> None:
    stream = io.StringIO()
    head = {"task": "setup", "exit_code": 4, "result": {"url": "http://u:hunter22@db"}}
    write_document(stream, head, Mask(lambda: [Secret("hunter22")]), WindlassError("no: hunter22"))

    document = json.loads(stream.getvalue())
    assert document["status"] == "refused"
    assert document["result"] == {"url": "http://u:•••@db"}
    assert document["error"]["message"] == "no: •••"


def test_a_flow_cannot_show_a_secret_through_its_listener() -> None:
    stream = io.StringIO()
    view = PlainReport(stream, still_progress())
    masked(view, Mask(lambda: [Secret("hunter22")]))(events.Note("it is hunter22"))

    assert stream.getvalue() == "it is •••\n"


@pytest.mark.parametrize(
    ("stream", "environ", "redraw_and_colour"),
    [
        (Terminal(), {"TERM": "xterm"}, (True, True)),
        (Terminal(), {"TERM": "xterm", "NO_COLOR": "1"}, (True, False)),
        (Terminal(), {"TERM": "dumb"}, (False, False)),
        (Terminal(), {}, (False, False)),
        (io.StringIO(), {"TERM": "xterm"}, (False, False)),
    ],
)
def test_what_a_stream_can_take(stream: io.StringIO, environ: dict[str, str], redraw_and_colour: tuple[bool, bool]) -> None:
    assert (can_redraw(stream, environ), wants_colour(stream, environ)) == redraw_and_colour


def test_a_pipe_gets_plain_lines() -> None:
    assert isinstance(open_view(io.StringIO(), still_progress(), title="t", check=False), PlainReport)


def test_a_step_that_only_some_hosts_took_says_which() -> None:
    progress = Progress(lambda: 0.0)
    ends = []
    for hosts in (("app1", "app2"), ("app1",)):
        progress(events.StepStarted("switch", hosts))
        progress(ended := events.StepEnded("switch", 1.0 + len(hosts)))
        ends.append(line_of(ended, progress))

    assert ends == [Line("step", "switch done in 3.0 s"), Line("step", "switch on app1 done in 2.0 s")]


def test_a_host_whose_failure_begins_with_its_name_is_named_once() -> None:
    screen = Terminal()
    with LiveReport(screen, Progress(lambda: 0.0), title="setup · staging") as view:
        view(events.HostEnded("web2", failed="web2 cannot be reached"))

    assert "✗ web2 cannot be reached" in unpainted(screen.getvalue())
