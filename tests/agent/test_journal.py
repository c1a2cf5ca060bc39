"""What a run has begun and finished is on the host's disk: nothing is done twice, and what nobody knows is said."""

from __future__ import annotations

import fcntl
import itertools
import os
import resource
import signal
import stat
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from windlass.agent.core import heirs, holding, paper
from windlass.agent.core import journal as journals
from windlass.agent.core.context import Context
from windlass.agent.core.journal import Journal
from windlass.agent.core.outcome import OperationError
from windlass.operations.command import Run
from windlass.operations.file import File
from windlass.operations.operation import Operation
from windlass.operations.wire import Batch, encode

RUN = "20260102T030405-1f2e3d"
BLIND, LOOKING = Run(command="make it"), File(path="/etc/it", content="it\n")
CHANGED = {"status": "changed", "changed": True, "summary": "ran"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(paper, "FOLDER", str(tmp_path / "runs"))
    monkeypatch.setattr(paper, "SPARE", str(tmp_path / "spare"))
    monkeypatch.setattr(holding, "RUN", str(tmp_path / "run"))
    yield tmp_path / "runs"
    while OPEN:
        OPEN.pop().close()


OPEN: list[Journal] = []


def journal(*operations: Operation, name: str = RUN, check: bool = False, alone: dict[str, str] | None = None) -> Journal:
    OPEN.append(Journal(name, encode(Batch(operations)).body["operations"], Context(lambda _frame: None, check=check), alone))
    return OPEN[-1]


def test_what_is_finished_is_answered_and_not_done_again() -> None:
    first = journal(LOOKING, BLIND)
    for index in (0, 1):
        assert first.done(index) is None
        first.begin(index)
        first.end(index, CHANGED)
    first.close()

    again = journal(LOOKING, BLIND)

    assert [again.done(index) for index in (0, 1)] == [dict(CHANGED, summary="ran (done before)")] * 2


def test_what_failed_is_done_again() -> None:
    first = journal(BLIND)
    first.begin(0)
    first.end(0, {"status": "failed", "message": "no"})
    first.close()

    again = journal(BLIND)

    assert again.done(0) is None
    again.begin(0)


def test_what_had_begun_is_done_again_if_it_looks_first_and_else_refused(folder: Path) -> None:
    first = journal(LOOKING, BLIND)
    first.begin(0)
    first.begin(1)
    first.close()
    with (folder / f"{RUN}.jsonl").open("a") as handle:
        handle.write('{"index": 1, "resu')  # torn by the end of the agent

    again = journal(LOOKING, BLIND)

    again.begin(0)
    with pytest.raises(OperationError, match=r"was begun in run .*, and nobody knows how it ended") as caught:
        again.begin(1)
    assert "run setup anew" in caught.value.hint
    again.end(0, CHANGED)
    again.close()
    assert journal(LOOKING, BLIND).done(0)


def test_a_plan_that_changed_is_refused_at_the_first_difference() -> None:
    first = journal(LOOKING, BLIND)
    first.begin(0)
    first.end(0, CHANGED)
    first.close()

    again = journal(LOOKING, Run(command="make another"))

    assert again.differs == 1
    assert again.done(0) is None
    with pytest.raises(OperationError, match=r"not what run .* wanted here"):
        again.begin(1)
    again.close()
    assert journal(LOOKING, BLIND, LOOKING).differs is None  # what is added at the end is just done


def test_journals_are_for_root_alone_and_few_are_kept(folder: Path) -> None:
    for number in range(60):
        journal(BLIND, name=f"20260102T0304{number:02}").close()

    names = sorted(path.name for path in folder.iterdir())
    assert (names[0], len(names)) == ("20260102T030410.jsonl", 50)
    assert stat.S_IMODE((folder / names[0]).stat().st_mode) == 0o600


def test_two_names_of_one_machine_have_a_journal_each() -> None:
    first = journal(BLIND, name=f"{RUN}.web1")
    first.begin(0)
    first.end(0, CHANGED)

    assert journal(BLIND, name=f"{RUN}.web1-behind.the-bastion").done(0) is None


def test_the_last_runs_are_kept_whatever_the_clock_says(folder: Path) -> None:
    for number in range(8):
        for host in ("a", "b"):
            journal(BLIND, name=f"20260102T03040{number}.{host}").close()
    for path in folder.iterdir():
        os.utime(path, (0, 0))  # as it was before the clock was set

    journal(BLIND, name="20260102T030500.a").close()

    assert {path.name for path in folder.iterdir()} == {
        *(f"20260102T03040{number}.{host}.jsonl" for number in range(3, 8) for host in ("a", "b")),
        "20260102T030500.a.jsonl",
    }


def test_a_check_and_a_batch_without_a_name_write_nothing(folder: Path) -> None:
    journal(BLIND, check=True).begin(0)
    journal(BLIND, name="").begin(0)
    journal(BLIND, name="../up").begin(0)

    assert not folder.exists()


@pytest.mark.parametrize(
    ("operation", "blind"),
    [
        (BLIND, True),
        (LOOKING, False),
        (Run(command="make", creates="/made"), False),
        (Run(command="make", unless="made"), False),
        (Run(command="look", changed=False), False),
    ],
)
def test_a_command_without_a_condition_is_blind(operation: Operation, *, blind: bool) -> None:
    assert journals.is_blind(encode(Batch((operation,))).body["operations"][0]) is blind


MOST = 50_000  # bytes that a file may have, for the length of a test


@pytest.fixture
def full(folder: Path) -> Iterator[Path]:
    """The file of a journal that takes nothing more."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    fill(folder)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST, limits[1]))
    yield folder / f"{RUN}.jsonl"
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def fill(folder: Path) -> None:
    folder.mkdir()
    (folder / f"{RUN}.jsonl").write_text('{"agent": 1}'.ljust(MOST, "\n"))


def test_where_the_disk_takes_nothing_the_notes_stand_in_run(full: Path) -> None:
    """Who is to make room has to run commands there; and the next agent knows what the one before had begun."""
    first = journal(LOOKING, BLIND, BLIND)
    first.end(0, CHANGED)
    first.begin(1)
    first.end(1, CHANGED)
    first.begin(2)
    first.close()

    again = journal(LOOKING, BLIND, BLIND)

    assert again.done(1)
    with pytest.raises(OperationError, match="nobody knows how it ended"):
        again.begin(2)


def test_where_even_run_takes_nothing_no_blind_command_begins(full: Path, tmp_path: Path) -> None:
    fill(tmp_path / "spare")
    first = journal(LOOKING, BLIND)

    first.begin(0)
    with pytest.raises(OperationError, match="cannot be noted here: File too large"):
        first.begin(1)


def test_a_journal_in_which_nobody_could_write_says_that_nothing_is_known(folder: Path) -> None:
    """Its agent was killed, or what it had noted in /run went with the host's power."""
    folder.mkdir()
    (folder / f"{RUN}.jsonl").touch()
    again = journal(LOOKING, BLIND)

    again.begin(0)
    with pytest.raises(OperationError, match="nobody knows how it ended"):
        again.begin(1)


def test_what_a_power_cut_or_another_version_has_left_in_it_is_passed_over(folder: Path) -> None:
    first = journal(LOOKING, BLIND)
    first.end(0, CHANGED)
    first.close()
    with (folder / f"{RUN}.jsonl").open("ab") as file:
        file.write(b'{"begun": ["x"]}\n{"index": 1, "result": "fine"}\n{"operations": 3}\n\xff\x00\xfe{"ind')

    again = journal(LOOKING, BLIND)

    assert again.done(0)
    assert again.done(1) is None
    again.begin(1)


def test_a_command_of_which_another_version_says_what_nobody_here_knows_is_not_run_again(folder: Path) -> None:
    first = journal(LOOKING, BLIND)
    first.begin(1)
    first.close()
    with (folder / f"{RUN}.jsonl").open("a") as file:
        file.write('{"index": 1, "result": {"status": "half", "since": "Tuesday"}}\n{"paused": 1, "agent": "one"}\n')

    again = journal(LOOKING, BLIND)

    again.begin(0)
    with pytest.raises(OperationError, match="nobody knows how it ended"):
        again.begin(1)


ALONE = {"name": "setup", "holder": "ada@desk", "purpose": "setup --env staging"}


def test_another_run_is_kept_out_and_told_who_is_there() -> None:
    first = journal(LOOKING, alone=ALONE)
    other = journal(LOOKING, name="20260102T030406-aaaaaa", alone=dict(ALONE, holder="bob@desk"))

    first.begin(0)
    with pytest.raises(
        OperationError, match=r"setup is locked by ada@desk for \d+ s \(since .* UTC\): setup --env staging"
    ) as caught:
        other.begin(0)
    assert "then run the same again" in caught.value.hint
    first.close()
    journal(LOOKING, name="20260102T030407-bbbbbb", alone=ALONE).begin(0)


def test_a_run_that_a_later_one_has_overtaken_is_not_gone_on_with() -> None:
    """A laptop may have stood still meanwhile, and somebody else has set the host up."""
    for between in ("20260102T030404-aaaaaa", RUN, "20260102T030406-bbbbbb"):
        begun = journal(LOOKING, BLIND, alone=ALONE)
        begun.end(0, CHANGED)
        begun.close()
        other = journal(LOOKING, name=between, alone=dict(ALONE, holder="bob@desk"))
        other.begin(0)
        other.close()

    again = journal(LOOKING, BLIND, alone=ALONE)

    assert again.done(0)
    with pytest.raises(
        OperationError, match=r"bob@desk has been at work here since, with setup --env staging: to go on with run .* would take"
    ) as caught:
        again.begin(1)
    assert "run setup anew" in caught.value.hint
    assert holding._holder(holding.path_of("setup"))["run"] > RUN
    journal(LOOKING, name="20260102T030405-zzzzzz", alone=ALONE).begin(0)


def test_a_machine_that_is_there_by_two_names_is_not_kept_from_its_own_run() -> None:
    for name in ("web1", "web2"):
        journal(LOOKING, name=f"{RUN}.{name}", alone=ALONE).begin(0)


def test_a_lock_that_cannot_be_signed_is_held_all_the_same() -> None:
    """/run may be full, and somebody has to go back to the release before."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        held = holding.hold("app-shop", ALONE, 0.0, Context(lambda _frame: None))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    with held, pytest.raises(OperationError, match="app-shop is locked by another run"):
        holding.hold("app-shop", ALONE, 0.0, Context(lambda _frame: None))


@pytest.mark.parametrize(
    ("signed", "message"),
    [
        (
            '{"holder": "ada@desk", "purpose": "deploy shop", "since": "Tuesday", "agent": "one", "controller": "x"}',
            "is locked by ada@desk: deploy shop",
        ),
        ('{"who": {"name": "ada"}, "format": 2}', "is locked by another run"),
        ("\x00\x00", "is locked by another run"),
        ('["ada"]', "is locked by another run"),
    ],
)
def test_a_lock_that_another_version_has_signed_keeps_out_all_the_same(signed: str, message: str, tmp_path: Path) -> None:
    """Who reads a name passes over others, and misses none."""
    path = tmp_path / "run/lock/app-shop"
    path.parent.mkdir(parents=True)
    path.write_text(signed)
    with path.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(OperationError) as caught:
            holding.hold("app-shop", ALONE, 0.0, knowing_that_it_is_dead())
        holder = holding.holder_of("app-shop", knowing_that_it_is_dead())

    assert str(caught.value) == f"app-shop {message}"
    assert isinstance(holder, dict)


def knowing_that_it_is_dead() -> Context:
    """The controller that a holder has signed for is no more, says ours."""
    numbers = itertools.count(1)
    context = Context(lambda _frame: context.answered(next(numbers), {"dead": True}))
    return context


@pytest.fixture
def held(tmp_path: Path) -> Iterator[IO[str]]:
    """The lock of an application, which somebody has."""
    path = tmp_path / "run/lock/app-shop"
    path.parent.mkdir(parents=True)
    with path.open("w+") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle


def signed(held: IO[str], text: str) -> None:
    Path(held.name).write_text(text)


def test_any_run_s_lock_is_seen_but_for_those_of_this_controller(held: IO[str]) -> None:
    context = Context(lambda _frame: None)
    context.controller = "this one"
    for text in ('{"holder": "ada@desk", "controller": "this one"}', f'{{"agent": {os.getpid()}}}'):
        signed(held, text)
        holding.refuse_others(context)

    signed(held, '{"holder": "ada@desk", "purpose": "deploy shop"}')
    with pytest.raises(OperationError, match="app-shop is locked by ada@desk: deploy shop") as caught:
        holding.refuse_others(context)
    fcntl.flock(held, fcntl.LOCK_UN)
    holding.refuse_others(context)

    assert caught.value.data["locked"] is True


def test_whose_controller_is_dead_is_waited_for_a_little(held: IO[str], monkeypatch: pytest.MonkeyPatch) -> None:
    signed(held, f'{{"holder": "ada@desk", "controller": "dead", "agent": {1 << 30}}}')
    monkeypatch.setattr(holding, "LET_GO", 0.3)
    with pytest.raises(OperationError, match="app-shop is locked by ada@desk"):
        holding.refuse_others(knowing_that_it_is_dead())

    monkeypatch.setattr(holding, "LET_GO", 300.0)
    threading.Timer(0.3, fcntl.flock, (held, fcntl.LOCK_UN)).start()
    holding.refuse_others(knowing_that_it_is_dead())


def test_who_took_the_number_of_a_dead_agent_is_left_alone(tmp_path: Path) -> None:
    """The holder could not sign, so the name of one before it stands there, whose number is another program's by now."""
    path = tmp_path / "run/lock/app-shop"
    path.parent.mkdir(parents=True)
    with subprocess.Popen(["sleep", "60"]) as somebody, path.open("w") as held:
        held.write(f'{{"holder": "ada@desk", "agent": {somebody.pid}, "controller": "dead"}}')
        held.flush()
        told = heirs.told_to_end(holding._holder(str(path)), knowing_that_it_is_dead())
        somebody.terminate()

    assert not told
    assert somebody.returncode == -signal.SIGTERM
