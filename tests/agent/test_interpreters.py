"""The agent under every Python that this machine has, 3.8 and later, with and without the whole standard library.

All cases of operations that need no root run under each. On a machine with one Python that one is tried; the ids say which ran.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.agent.interpreters import Interpreter, channel_with, interpreters
from tests.cases.case import Place, cases, go_through


def ways() -> list[object]:
    """Every version whole, the oldest and the newest minimal. The hardest of them is always tried, the others beside the lab."""
    found = interpreters()
    others = (each for each in found if each.version != sys.version_info[:2])  # `test_cases.py` runs them under this one
    wanted = [(found[0], True), *((each, False) for each in others), (found[-1], True)]
    return [
        pytest.param(each, minimal, id=_name(each, minimal), marks=[] if number == 0 else [pytest.mark.lab])
        for number, (each, minimal) in enumerate(dict.fromkeys(wanted))
    ]


def _name(each: Interpreter, minimal: bool) -> str:  # noqa: FBT001
    return "{}.{}".format(*each.version) + (" minimal" if minimal else "")


def shell(script: str) -> str:
    done = subprocess.run(["/bin/sh", "-ec", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.parametrize(("interpreter", "minimal"), ways())
def test_all_operations(interpreter: Interpreter, minimal: bool, tmp_path: Path) -> None:  # noqa: FBT001 - pytest's
    (tmp_path / "python").mkdir()
    channel = channel_with(interpreter, tmp_path / "python", minimal=minimal)
    for number, case in enumerate(case for case in cases() if not case.values[0].get("only", "")):
        root, here = tmp_path / str(number) / "root", tmp_path / str(number) / "here"
        root.mkdir(parents=True)
        here.mkdir()
        go_through(case.values[0], Place(channel, shell, shell, str(root), str(here)))
    channel.close()

    assert channel.facts["python"].startswith("{}.{}.".format(*interpreter.version))
