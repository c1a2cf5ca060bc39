"""The cases of operations that can run on any machine, each in a folder of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.cases.case import Place, cases, go_through
from windlass.hosts.channel import Channel

ALLOWED = ("", "root") if os.getuid() == 0 else ("",)


def shell(script: str) -> str:
    done = subprocess.run(["/bin/sh", "-ec", script], capture_output=True, text=True, errors="surrogateescape", check=False)
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("case", [case for case in cases() if case.values[0].get("only", "") in ALLOWED])
def test_operation(case: Mapping[str, Any], channel: Channel, tmp_path: Path) -> None:
    root, here = tmp_path / "root", tmp_path / "here"
    root.mkdir()
    here.mkdir()

    go_through(case, Place(channel, shell, shell, str(root), str(here)))
