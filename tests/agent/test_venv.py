"""A virtual environment that was built in one folder runs in another."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path

from windlass.agent.core import venv

ME = pwd.getpwuid(os.getuid()).pw_name
SCRIPT = "import sys; print(sys.prefix)\n"


def test_scripts_find_their_interpreter_wherever_the_environment_lies(tmp_path: Path) -> None:
    built, moved = tmp_path / "a build" / "tree", tmp_path / "release"
    (built / ".venv/lib").mkdir(parents=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(built / ".venv")], check=True)
    hello = built / ".venv/bin/hello"
    hello.write_text(f"#!{built}/.venv/bin/python3\n{SCRIPT}")
    other = built / ".venv/bin/other"
    other.write_text("#!/bin/sh\necho as it was\n")
    for path in (hello, other):
        path.chmod(0o755)
    (built / ".venv/lib/module.py").write_text("answer = 42\n")

    venv.finish(str(built), ME, 60.0)
    venv.detach(str(built), ME)
    built.rename(moved)
    leading_out = [path for path in (moved / ".venv/bin").iterdir() if path.is_symlink() and path.readlink().is_absolute()]
    (moved / ".venv/bin/python").symlink_to(sys.executable)

    answers = [
        subprocess.run([str(path)], capture_output=True, text=True, check=True, cwd="/").stdout.strip()
        for path in (moved / ".venv/bin/hello", moved / ".venv/bin/other")
    ]

    assert leading_out == []
    assert answers == [str(moved / ".venv"), "as it was"]
    assert not list((moved / ".venv/bin").glob("[aA]ctivate*"))
    assert len(list((moved / ".venv/lib/__pycache__").glob("module.*.pyc"))) == 1
