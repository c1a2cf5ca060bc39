"""The end of a run: what failed and what changed, where the time went, and the same for CI."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from invoke.exceptions import Exit

from windlass import events
from windlass.errors import FlowFailed, UsageError
from windlass.history.database import RunRow
from windlass.history.ledger import Ledger
from windlass.history.record import Record
from windlass.report.github import error_lines
from windlass.report.junit import junit
from windlass.report.masking import Mask
from windlass.report.profile import profile_of, render_profile
from windlass.report.progress import Progress
from windlass.report.summary import summary
from windlass.tasks.door import Outcome, Run, Wishes, leave
from windlass.values import Secret

STORY = (
    events.HostConnected("web1", 0.25, 1, 1, 1),
    events.OperationEnded("web1", "package nginx", "changed", 4.0, "installed"),
    events.OperationEnded("web1", "file /etc/x", "changed", 0.5),
    events.OperationEnded("web1", "line in /etc/y", "ok", 0.25),
    events.BatchEnded("web1", 5.0, 1, 1, 1),
    events.HostEnded("web1"),
    events.OperationEnded("web2", "package nginx", "changed", 3.0, "installed"),
    events.OperationEnded("web2", "service nginx", "failed", 0.5, "it does not start\x07", last_lines=("emerg", "50% done")),
    events.OperationEnded("web2", "file /etc/x", "skipped"),
    events.HostEnded("web2", failed="service nginx failed on web2"),
    events.HostEnded("web3", failed="web3 cannot be reached"),
)


def progress() -> Progress:
    made = Progress()
    for event in STORY:
        made(event)
    return made


def ledger() -> Ledger:
    made = Ledger()
    for event in STORY:
        made(event)
    return made


def test_failures_come_first_and_each_operation_is_named_once_with_its_hosts() -> None:
    assert summary(progress().hosts.values()).splitlines() == [
        "failed:",
        "  service nginx: web2",
        "  web3 cannot be reached",
        "changed:",
        "  package nginx: web1, web2",
        "  file /etc/x: web1",
    ]


def test_a_check_says_what_would_change_and_what_only_a_run_can_tell() -> None:
    made = Progress()
    made(events.OperationEnded("web1", "file /etc/x", "changed"))
    made(events.OperationEnded("web1", "run make", "unknown"))

    assert summary(made.hosts.values(), check=True).splitlines() == [
        "would change:", "  file /etc/x", "unknown until run:", "  run make",
    ]  # fmt: skip


def test_a_host_that_does_the_same_twice_is_named_once() -> None:
    made = Progress()
    for host in ("web1", "web1", "web2"):
        made(events.OperationEnded(host, "run make", "changed"))

    assert summary(made.hosts.values()).splitlines() == ["changed:", "  run make: web1, web2"]


def test_many_hosts_and_many_operations_are_counted() -> None:
    made = Progress()
    for number in range(50):
        made(events.OperationEnded("web1", f"file {number}", "changed"))
    for number in range(10, 30):
        made(events.OperationEnded(f"web{number}", "file 0", "changed"))
    rows = summary(made.hosts.values()).splitlines()

    assert rows[1] == "  file 0: web1, web10, web11, web12, web13, web14, web15, web16 and 13 more"
    assert rows[-1] == "  … and 10 more: invoke history.show last"


def test_nothing_to_do_is_nothing_to_tell() -> None:
    assert summary(Progress().hosts.values()) == ""


def test_junit_has_a_suite_for_each_host_and_a_case_for_each_operation() -> None:
    document = ET.fromstring(junit("setup staging", ledger().in_order(), FlowFailed("2 of 3", hosts={}), 6.0))  # noqa: S314 - our own
    suites = {suite.get("name"): suite for suite in document}

    assert (document.get("tests"), document.get("failures")) == ("7", "2")
    assert [suites[name].get("failures") for name in ("web1", "web2", "web3")] == ["0", "1", "1"]
    service = suites["web2"].find("testcase[@name='service nginx']/failure")
    assert service is not None
    assert (service.get("message"), service.text) == ("it does not start?", "emerg\n50% done")
    assert suites["web2"].find("testcase[@name='file /etc/x']/skipped") is not None
    alone = suites["web3"].find("testcase/failure")
    assert alone is not None
    assert alone.get("message") == "web3 cannot be reached"


def test_an_error_before_any_host_is_a_failed_case() -> None:
    document = ET.fromstring(junit("setup staging", [], UsageError("no such host", hint="see inventory.hosts")))  # noqa: S314 - our own
    failure = document.find("testsuite/testcase/failure")

    assert failure is not None
    assert (failure.get("message"), failure.text) == ("no such host", "see inventory.hosts")


def test_github_is_told_of_failures_alone() -> None:
    assert error_lines(ledger().in_order(), None) == [
        "::error title=web2%3A service nginx::it does not start\x07%0Aemerg%0A50%25 done",
        "::error title=web3::web3 cannot be reached",
    ]
    assert error_lines([], UsageError("no such host")) == ["::error title=windlass::no such host"]


def test_github_shows_ten_of_a_step_and_is_told_no_more() -> None:
    made = Ledger()
    for number in range(12):
        made(events.HostEnded(f"web{number:02}", failed="gone"))

    assert error_lines(made.in_order(), None) == [f"::error title=web{number:02}::gone" for number in range(10)]


def test_a_profile_says_where_the_time_went() -> None:
    profile = profile_of(ledger().in_order(), 6.0, processor=0.5)
    web1 = profile.hosts[0]

    assert (web1.connecting, web1.waiting, web1.working, web1.elsewhere) == (0.25, 0.25, 4.75, 0.75)
    package = profile.operations[0]
    assert (package.operation, package.seconds, package.longest, package.longest_on, package.hosts) == (
        "package nginx", 7.0, 4.0, "web1", 2,
    )  # fmt: skip
    assert render_profile(profile).splitlines()[:4] == [
        "where the time went: 6.0 s, of which the controller computed 500 ms",
        "",
        "host      connecting  waiting  working  elsewhere",
        "web1      250 ms      250 ms   4.8 s    750 ms",
    ]
    assert render_profile(profile).splitlines()[-5:-2] == [
        "took longest, on all hosts together:",
        "     7.0 s  package nginx (2 times, 4.0 s of it on web1)",
        "    500 ms  file /etc/x",
    ]
    assert [each.hosts for each in profile.operations if each.operation == "file /etc/x"] == [1]  # on web2 it was skipped


def run_of_story(folder: Path, wishes: Wishes) -> Run:
    run = Run("setup", environment="staging", wishes=wishes, mask=Mask(lambda: [Secret("hunter22")]))
    run.record = Record(folder, RunRow(run=run.id, task="setup", environment="staging"))
    for event in STORY:
        run.record(event)
    return run


def test_a_run_leaves_its_junit_file_and_annotations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    run = run_of_story(tmp_path, Wishes(junit=str(tmp_path / "out.xml")))
    with pytest.raises(Exit):
        leave(run, lambda: Outcome(error=FlowFailed("2 of 3 failed: hunter22", hosts={})))

    assert ET.parse(tmp_path / "out.xml").getroot().get("failures") == "2"  # noqa: S314 - our own
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.startswith("::error title=web2%3A service nginx::")
    assert "hunter22" not in errors


def test_a_junit_file_that_cannot_be_written_is_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leave(run_of_story(tmp_path, Wishes(junit=str(tmp_path / "no" / "out.xml"))), Outcome)

    assert "out.xml could not be written: No such file or directory" in capsys.readouterr().err


def test_a_profile_is_part_of_the_json_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = run_of_story(tmp_path, Wishes(profile=True))
    run.as_json = True
    leave(run, Outcome)

    document = json.loads(capsys.readouterr().out)
    assert [host["host"] for host in document["profile"]["hosts"]] == ["web1", "web2", "web3"]
    assert document["profile"]["operations"][0]["operation"] == "package nginx"
