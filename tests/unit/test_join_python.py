"""A release with a virtual environment meets the Python of its host, by a real shell."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from windlass.flows.deployment.runtime import JOIN_PYTHON

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


def join(release: Path, python: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["/bin/sh", "-euc", JOIN_PYTHON, "sh", python], cwd=release, capture_output=True, text=True, check=False)


def environment(release: Path, line: str) -> Path:
    """As pip's and uv's look."""
    (release / ".venv/bin").mkdir(parents=True)
    settings = release / ".venv/pyvenv.cfg"
    settings.write_text(f"home = /somewhere/else/bin\n{line}\n")
    return settings


@pytest.mark.parametrize("line", [f"version = {HERE}.1", f"version_info = {HERE}.1"])
def test_the_same_version_is_joined_wherever_it_lies(tmp_path: Path, line: str) -> None:
    settings = environment(tmp_path, line)

    done = join(tmp_path, sys.executable)

    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / ".venv/bin/python").readlink() == Path(sys.executable)
    assert settings.read_text() == f"home = {Path(sys.executable).parent}\n{line}\n"


def test_another_version_is_refused_with_both_named(tmp_path: Path) -> None:
    environment(tmp_path, "version = 2.7.18")

    done = join(tmp_path, sys.executable)

    assert done.returncode == 1
    assert done.stderr == f"the release was built with Python 2.7, and what this host has is: {HERE}\n"


def test_a_host_without_the_interpreter_is_told_which_role_brings_it(tmp_path: Path) -> None:
    environment(tmp_path, f"version = {HERE}.1")

    done = join(tmp_path, "python-of-nobody")

    assert (done.returncode, done.stderr) == (1, "this host has no python-of-nobody; the role python brings it\n")


def test_a_release_without_dependencies_has_nothing_to_join(tmp_path: Path) -> None:
    assert join(tmp_path, "python-of-nobody").returncode == 0
