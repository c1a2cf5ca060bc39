"""The agent under every Python that this machine has, 3.8 and later, with and without the whole standard library.

All cases of operations that need no root run beside the lab's tests: under the oldest, with and without, and under the newest that
Debian has, which is fetched for that, without. Of the others a machine with one Python tries that one; the ids say which ran.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.agent.debian_python import NEWEST, newest
from tests.agent.interpreters import Interpreter, channel_with, interpreter_at, interpreters
from tests.cases.case import Place, cases, go_through
from windlass.operations.file import File
from windlass.operations.wire import Batch


def ways() -> list[object]:
    """Every version whole, the oldest and the newest minimal."""
    found = interpreters()
    wanted = [(found[0], True), *((each, False) for each in found), (found[-1], True)]
    return [pytest.param(each, minimal, id=_name(each, minimal)) for each, minimal in dict.fromkeys(wanted)]


def _name(each: Interpreter, minimal: bool) -> str:  # noqa: FBT001
    return "{}.{}".format(*each.version) + (" minimal" if minimal else "")


def known(interpreter: Interpreter | None) -> Interpreter:
    """This one, or the newest that Debian has."""
    found = interpreter or interpreter_at(newest())
    assert found
    return found


@pytest.mark.parametrize(
    ("interpreter", "minimal"), [*ways(), pytest.param(None, False, id=f"Debian's {NEWEST}", marks=pytest.mark.lab)]
)
def test_the_agent_starts_and_works(interpreter: Interpreter | None, minimal: bool, tmp_path: Path) -> None:  # noqa: FBT001 - pytest's
    interpreter = known(interpreter)
    (tmp_path / "python").mkdir()
    path = tmp_path / "file"
    channel = channel_with(interpreter, tmp_path / "python", minimal=minimal)
    (result,) = channel.run(Batch((File(path=str(path), content="x\n", owner="", group=""),)))
    channel.close()

    assert (result.status, path.read_text(), channel.round_trips) == ("changed", "x\n", 2)


def shell(script: str) -> str:
    done = subprocess.run(["/bin/sh", "-ec", script], capture_output=True, text=True, errors="surrogateescape", check=False)
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.lab
@pytest.mark.parametrize(("interpreter", "minimal"), [*ways()[:2], pytest.param(None, True, id=f"Debian's {NEWEST} minimal")])
def test_all_operations(interpreter: Interpreter | None, minimal: bool, tmp_path: Path) -> None:  # noqa: FBT001 - pytest's
    interpreter = known(interpreter)
    (tmp_path / "python").mkdir()
    channel = channel_with(interpreter, tmp_path / "python", minimal=minimal)
    for number, case in enumerate(case for case in cases() if not case.values[0].get("only", "")):
        root, here = tmp_path / str(number) / "root", tmp_path / str(number) / "here"
        root.mkdir(parents=True)
        here.mkdir()
        go_through(case.values[0], Place(channel, shell, shell, str(root), str(here)))
    channel.close()

    assert channel.facts["python"].startswith("{}.{}.".format(*interpreter.version))
