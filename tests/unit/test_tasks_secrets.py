"""`secrets.*` as a person types it: where a value is taken from, where it is shown, and where never."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.sample_project import REPOSITORY, run_tasks, surroundings, write_project

VALUE = "planted-value-77"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = write_project(tmp_path)
    run_tasks(folder, "secrets.people", "--env", "staging", "--add", "anna")
    return folder


def test_a_value_comes_from_standard_input_and_is_shown_only_when_asked_for_twice(project: Path) -> None:
    first = run_tasks(project, "secrets.set", "--env", "staging", "--name", "token", "--json", given=f"{VALUE}\n")
    second = run_tasks(project, "secrets.set", "--env", "staging", "--name", "token", given=VALUE)
    into_a_pipe = run_tasks(project, "secrets.get", "--env", "staging", "--name", "token")
    meant = run_tasks(project, "secrets.get", "--env", "staging", "--name", "token", "--yes")

    assert json.loads(first.stdout)["result"] == {"name": "token", "changed": True}
    assert second.stdout == "token has this value already\n"
    assert (into_a_pipe.returncode, into_a_pipe.stdout) == (4, "")
    assert (meant.returncode, meant.stdout) == (0, f"{VALUE}\n")
    assert VALUE not in first.stderr + second.stderr + into_a_pipe.stderr


def test_a_value_is_shown_on_a_terminal(project: Path) -> None:
    run_tasks(project, "secrets.set", "--env", "staging", "--name", "token", given=VALUE)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "invoke", "--search-root", str(REPOSITORY), "secrets.get", "token", "--env", "staging"]

    code = subprocess.run(command, cwd=project, env=surroundings(project), stdout=theirs, check=False).returncode

    assert (code, os.read(ours, 100)) == (0, f"{VALUE}\r\n".encode())
    os.close(ours)
    os.close(theirs)


@pytest.mark.parametrize("task", ["secrets.set", "secrets.get"])
def test_a_name_that_nobody_declared_is_told_before_anything_is_asked(project: Path, task: str) -> None:
    done = run_tasks(project, task, "--env", "staging", "--name", "tokn", given="")

    assert (done.returncode, done.stdout) == (2, "")
    assert "no secret is called 'tokn' (did you mean token?)" in done.stderr


def test_a_secret_that_is_made_up_is_not_made_up_by_asking_for_it(project: Path) -> None:
    asked = run_tasks(project, "secrets.get", "--env", "staging", "--name", "token", "--yes")

    assert (asked.returncode, asked.stdout) == (2, "")
    assert "the secret token has no value" in asked.stderr
    assert not (project / ".windlass" / "secrets").exists()


def test_the_list_and_the_people_show_no_value(project: Path) -> None:
    run_tasks(project, "secrets.set", "--env", "staging", "--name", "token", given=VALUE)

    listed = run_tasks(project, "secrets.list", "--env", "staging", "--json")
    people = run_tasks(project, "secrets.people", "--env", "staging")
    rotated = run_tasks(project, "secrets.rotate", "--env", "staging", "--json")

    assert [(row["name"], row["state"]) for row in json.loads(listed.stdout)["result"]["secrets"]] == [("token", "set")]
    assert people.stdout.startswith("anna (you): age1")
    assert json.loads(rotated.stdout)["result"] == {"values": 1}
    assert VALUE not in listed.stdout + people.stdout + rotated.stdout


def test_a_scan_ends_with_1_and_says_where_without_the_value(project: Path) -> None:
    run_tasks(project, "secrets.set", "--env", "staging", "--name", "token", given=VALUE)
    (project / ".gitignore").write_text(".windlass/\n.gitignore\n")
    subprocess.run(["git", "init", "-q", str(project)], check=True)
    clean = run_tasks(project, "secrets.scan")
    (project / "notes.txt").write_text(VALUE)

    found = run_tasks(project, "secrets.scan", "--json")

    assert (clean.returncode, clean.stdout) == (0, "no known secret in the files and 0 objects of the history\n")
    assert found.returncode == 1
    assert json.loads(found.stdout)["result"]["findings"] == [
        {"secret": "staging: token", "commit": "working tree", "path": "notes.txt"}
    ]
    assert VALUE not in found.stdout + found.stderr


def test_an_environment_without_an_encrypted_file_loads_nothing_of_it(tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    program = (
        "import sys, pathlib\nfrom windlass.flows.workspace import open_workspace\n"
        "open_workspace(pathlib.Path('.'), 'staging').secrets.get('token')\n"
        "print([name for name in sys.modules if name.startswith(('pyrage', 'cryptography', 'windlass.inventory.sops'))])"
    )

    command = [sys.executable, "-c", program]
    told = subprocess.run(command, cwd=folder, env=surroundings(folder), capture_output=True, text=True, check=False)

    assert (told.stdout, told.stderr) == ("[]\n", "")
