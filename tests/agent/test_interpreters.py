"""The agent under every Python that this machine has, 3.8 and later, with and without the whole standard library.

All cases of operations that need no root run beside the lab's tests: under one as old as 3.9 with, and under the newest without.
What a machine lacks of these is fetched from Debian; under the others that it has the agent starts, and writes a file.
"""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path

import pytest

from tests.agent.debian_python import NEW, OLD, Debian, fetched
from tests.agent.interpreters import Interpreter, channel_with, interpreter_at, interpreters
from tests.cases.case import Place, cases, go_through
from windlass.operations.file import File
from windlass.operations.wire import Batch


def ways() -> list[object]:
    """Every version whole, the oldest and the newest minimal."""
    found = interpreters()
    wanted = [(found[0], True), *((each, False) for each in found), (found[-1], True)]
    return [pytest.param(each, minimal, id=_name(each, minimal=minimal)) for each, minimal in dict.fromkeys(wanted)]


def _name(each: Interpreter, *, minimal: bool) -> str:
    return "{}.{}".format(*each.version) + (" minimal" if minimal else "")


def known(python: Interpreter | Debian) -> Interpreter:
    """One that this machine has, or has now."""
    if not isinstance(python, Debian):
        return python
    found = interpreter_at(fetched(python))
    assert found
    return dataclasses.replace(found, executable=python.program)


def of_debian(python: Debian, *, minimal: bool) -> object:
    """Fetched for the test, which is the lab's then."""
    name = f"Debian's {python.said}" + (" minimal" if minimal else "")
    return pytest.param(python, minimal, id=name, marks=pytest.mark.lab)


def an_old_one() -> object:
    """This machine's oldest, whole, where that is old."""
    oldest = interpreters()[0]
    if oldest.version > OLD.version:
        return of_debian(OLD, minimal=False)
    return pytest.param(oldest, False, id=_name(oldest, minimal=False))


@pytest.mark.parametrize(("python", "minimal"), [*ways(), of_debian(NEW, minimal=False)])
def test_the_agent_starts_and_works(python: Interpreter | Debian, minimal: bool, tmp_path: Path) -> None:  # noqa: FBT001 - pytest's
    interpreter = known(python)
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
@pytest.mark.parametrize(("python", "minimal"), [an_old_one(), of_debian(NEW, minimal=True)])
def test_all_operations(python: Interpreter | Debian, minimal: bool, tmp_path: Path) -> None:  # noqa: FBT001 - pytest's
    interpreter = known(python)
    (tmp_path / "python").mkdir()
    channel = channel_with(interpreter, tmp_path / "python", minimal=minimal)
    for number, case in enumerate(case for case in cases() if not case.values[0].get("only", "")):
        root, here = tmp_path / str(number) / "root", tmp_path / str(number) / "here"
        root.mkdir(parents=True)
        here.mkdir()
        go_through(case.values[0], Place(channel, shell, shell, str(root), str(here)))
    channel.close()

    assert channel.facts["python"].startswith("{}.{}.".format(*interpreter.version))
