"""What leaves through the door: results, errors, faults of our own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from invoke.exceptions import Exit

from windlass.errors import ConnectionFailed, FlowFailed, RefusedError, UsageError
from windlass.events import HostEnded, OperationStarted
from windlass.flows.everywhere import Answer, Answers
from windlass.inventory.sops.keys import make_own_key
from windlass.report.masking import Mask
from windlass.tasks.common import confirm, project_folder
from windlass.tasks.door import Outcome, Run, Wishes, guard, leave
from windlass.tasks.run import told
from windlass.values import Secret


@pytest.fixture(autouse=True)
def ctrl_c() -> Iterator[None]:
    """A run that was interrupted hears no further Ctrl-C; the next test does."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


def raising(error: BaseException) -> Callable[[], Outcome]:
    def work() -> Outcome:
        raise error

    return work


def test_a_result_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    leave(Run("setup"), lambda: Outcome(text="all is well"))

    assert capsys.readouterr() == ("all is well\n", "")


def test_an_error_goes_to_standard_error_with_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Exit) as end:
        leave(Run("setup"), raising(RefusedError("the lock is held", hint="wait")))

    assert end.value.code == 4
    assert capsys.readouterr() == ("", "error: the lock is held\nhint: wait\n")


@pytest.mark.parametrize("typed", ["invoke", "windlass"])
def test_what_to_type_next_is_told_as_it_was_typed(
    typed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [f"/usr/bin/{typed}", "backup.list"])
    with pytest.raises(Exit):
        leave(Run("backup.list"), raising(UsageError("no good backup", hint="make one: invoke backup")))

    assert capsys.readouterr().err == f"error: no good backup\nhint: make one: {typed} backup\n"


def test_a_terminal_takes_no_orders_from_what_others_wrote(capsys: pytest.CaptureFixture[str]) -> None:
    order = "\x1b]0;owned\x07"
    error = ConnectionFailed(f"web1 says {order}", hint=order, last_lines=[order, "\ta tab"])
    with pytest.raises(Exit):
        leave(Run("status"), lambda: Outcome(text=f"{order}\nnext line", error=error))

    written = capsys.readouterr()
    assert not {"\x1b", "\x07"} & {*written.out, *written.err}
    assert (written.out, "\ta tab" in written.err) == ("\\x1b]0;owned\\x07\nnext line\n", True)


def test_colours_of_what_ran_on_hosts_are_left_out() -> None:
    answers = Answers({"web1": Answer(0, "\x1b[32mok\x1b[0m \x1b[2Jgone\r\nsecond\n")})

    assert told(answers) == "web1:\n  ok \\x1b[2Jgone\n  second"


def test_a_result_may_come_with_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    error = FlowFailed("1 of 2 failed", hosts={"web1": "old serves"}, partly=True)
    with pytest.raises(Exit) as end:
        leave(Run("deploy", as_json=True), lambda: Outcome(result={"release": "r1"}, hosts={"web1": {"slot": "blue"}}, error=error))

    document = json.loads(capsys.readouterr().out)
    assert end.value.code == 3
    assert (document["status"], document["result"], document["hosts"]) == (
        "partly_done",
        {"release": "r1"},
        {"web1": {"slot": "blue"}},
    )


def test_a_secret_is_not_in_what_ci_reads_either_written_as_xml_writes_its_signs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    secret, file = "r&d<100%>", tmp_path / "junit.xml"
    run = Run("setup", wishes=Wishes(junit=str(file)), mask=Mask(lambda: [Secret(secret)]))
    with pytest.raises(Exit):
        leave(run, raising(UsageError(f"not {secret}", hint=secret, last_lines=[secret])))

    written = file.read_text() + capsys.readouterr().err
    assert "•••" in written
    assert "100" not in written


def test_a_fault_about_a_name_that_is_no_text_is_kept_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Exit):
        leave(Run("setup", folder=tmp_path), raising(ValueError("odd\udcff")))

    (crash,) = (tmp_path / ".windlass").glob("crash-*.txt")
    assert "ValueError: odd\\udcff" in crash.read_text()
    assert "a fault in Windlass: ValueError" in capsys.readouterr().err


def test_a_secret_leaves_neither_in_a_result_nor_in_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    run = Run("setup", mask=Mask(lambda: [Secret("hunter22")]))
    leave(run, lambda: Outcome(text="it is hunter22"))
    with pytest.raises(Exit):
        leave(run, raising(UsageError("not hunter22", last_lines=["hunter22"])))

    assert capsys.readouterr() == ("it is •••\n", "error: not •••\n  | •••\n")


def test_a_fault_of_ours_leaves_a_short_message_and_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = Run("setup", folder=tmp_path, mask=Mask(lambda: [Secret("hunter22")]))
    with pytest.raises(Exit) as end:
        leave(run, raising(KeyError("hunter22")))

    (file,) = (tmp_path / ".windlass").glob("crash-*.txt")
    assert end.value.code == 1
    assert capsys.readouterr().err.splitlines() == [
        "error: a fault in Windlass: KeyError: '•••'",
        f"hint: the traceback is in {file}: please report it; the same command can be run again",
    ]
    assert file.stat().st_mode & 0o777 == 0o600
    assert "Traceback" in file.read_text()
    assert "hunter22" not in file.read_text()


def test_a_fault_where_no_file_can_be_written_is_shown_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".windlass").write_text("in the way")
    with pytest.raises(Exit):
        leave(Run("setup", folder=tmp_path), raising(KeyError("x")))

    assert "Traceback" in capsys.readouterr().err


def test_an_interruption_says_what_each_host_was_at(capsys: pytest.CaptureFixture[str]) -> None:
    run = Run("setup")
    for event in (OperationStarted("web1", "package nginx", 0, 1), OperationStarted("web2", "t", 0, 1), HostEnded("web2")):
        run.progress(event)
    with pytest.raises(Exit) as end:
        leave(run, raising(KeyboardInterrupt()))

    assert end.value.code == 130
    assert capsys.readouterr().err.splitlines() == [
        "error: interrupted: what was done stays done",
        "  | web1 was at: package nginx",
        "hint: the same command again goes on where this one stopped",
    ]


def test_a_flow_may_say_itself_what_is_true_after_an_interruption(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Exit):
        leave(Run("deploy"), raising(KeyboardInterrupt("the old release serves")))

    assert capsys.readouterr().err == "error: interrupted: the old release serves\n"


def test_a_second_interruption_does_not_cut_off_what_the_first_had_to_say(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> Outcome:
        try:
            raise KeyboardInterrupt("the old release serves")
        finally:
            raise KeyboardInterrupt

    with pytest.raises(Exit):
        leave(Run("deploy"), work)

    assert capsys.readouterr().err == "error: interrupted: the old release serves\n"


def test_an_interruption_that_comes_late_knows_that_hosts_were_touched(capsys: pytest.CaptureFixture[str]) -> None:
    run = Run("setup")
    run.progress(HostEnded("web1"))

    def body() -> None:
        leave(run, Outcome)
        raise KeyboardInterrupt

    with pytest.raises(Exit):
        guard(Run("setup"), body)

    assert capsys.readouterr().err.splitlines()[0] == "error: interrupted: what was done stays done"


def test_the_outer_door_is_silent_when_the_inner_one_has_spoken(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Exit) as end:
        guard(Run("setup"), lambda: leave(Run("setup", as_json=True), raising(UsageError("no"))))

    assert end.value.code == 2
    assert json.loads(capsys.readouterr().out)["error"]["message"] == "no"


def test_yes_confirms_and_without_a_terminal_nobody_does() -> None:
    confirm("this changes production", "production", yes=True)
    with pytest.raises(RefusedError):
        confirm("this changes production", "production", yes=False)


def test_without_inventories_the_current_folder_is_the_project(tmp_path: Path) -> None:
    (tmp_path / "a/inventories").mkdir(parents=True)
    (tmp_path / "a/b/c").mkdir(parents=True)

    assert project_folder(tmp_path / "a/b/c") == tmp_path / "a"
    assert project_folder(tmp_path) == tmp_path


def test_git_sees_nothing_of_what_is_kept_in_a_clone(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)

    def work() -> Outcome:
        make_own_key(tmp_path)
        return Outcome()

    leave(Run("secrets.people", folder=tmp_path), work)
    leave(Run("secrets.list", folder=tmp_path), Outcome)

    untracked = subprocess.run(["git", "-C", str(tmp_path), "status", "--porcelain"], check=True, capture_output=True).stdout
    assert (untracked, sorted(path.name for path in (tmp_path / ".windlass").iterdir())) == (b"", [".gitignore", "age-key.txt"])


def test_where_nothing_is_kept_nothing_is_made(tmp_path: Path) -> None:
    leave(Run("inventory.check", folder=tmp_path), Outcome)

    assert list(tmp_path.iterdir()) == []
