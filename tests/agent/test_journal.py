"""What a run has begun and finished is on the host's disk: nothing is done twice, and what nobody knows is said."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

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
    monkeypatch.setattr(journals, "FOLDER", str(tmp_path / "runs"))
    yield tmp_path / "runs"
    while OPEN:
        OPEN.pop().close()


OPEN: list[Journal] = []


def journal(*operations: Operation, name: str = RUN, check: bool = False) -> Journal:
    OPEN.append(Journal(name, encode(Batch(operations)).body["operations"], Context(lambda _frame: None, check=check)))
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
