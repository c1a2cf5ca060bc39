"""Backups in a crontab: only our block is touched, and its lines survive cron and the shell."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.sample_project import HOSTS, write_project
from windlass.errors import BackupError
from windlass.flows.schedule import Schedule, schedule, with_block
from windlass.flows.vault import chosen_backups
from windlass.flows.workspace import Workspace, open_workspace

BACKUPS = """
backups:
  shop: {database: shop, host: web1, directory: backups, schedule: "15 3 * * *"}
  blog: {database: blog, host: web2, directory: backups}
"""
# Stands in for cron's own program: keeps the table in a file beside itself.
CRONTAB = """#!/bin/sh
table="$(dirname "$0")/table"
case "$1" in
-l) [ -e "$table" ] || { echo "no crontab for $USER" >&2; exit 1; }; cat "$table" ;;
-) cat >"$table" ;;
esac
"""


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the crontab's text is kept."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "crontab").write_text(CRONTAB)
    (folder / "crontab").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder / "table"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    folder = tmp_path / "50% of it's project"
    folder.mkdir()
    write_project(folder)
    (folder / "inventories" / "staging" / "hosts.yml").write_text(HOSTS + BACKUPS)
    return open_workspace(folder, "staging")


def installed(workspace: Workspace, *, remove: bool = False, check: bool = False) -> Schedule:
    return schedule(workspace, chosen_backups(workspace.environment), remove=remove, check=check)


def test_each_backup_gets_a_line_at_its_time_and_nothing_else_is_touched(table: Path, workspace: Workspace) -> None:
    table.write_text("MAILTO=ops@example.com\n* * * * * mine\n")

    done = installed(workspace)
    lines = table.read_text().splitlines()

    assert lines[:2] == ["MAILTO=ops@example.com", "* * * * * mine"]
    assert [line.startswith("#") for line in lines[2:]] == [True, False, False, True]
    assert (lines[3].split()[:5], lines[4].split()[:5]) == (["15", "3", "*", "*", "*"], ["30", "2", "*", "*", "*"])
    assert done == Schedule(tuple(lines[3:5]), changed=True)


def test_a_second_time_changes_nothing_and_a_check_only_says(table: Path, workspace: Workspace) -> None:
    foreseen = installed(workspace, check=True)
    untouched = table.exists()
    done = installed(workspace)
    before = table.read_text()

    again = installed(workspace)

    assert (foreseen, untouched) == (done, False)
    assert (again.changed, table.read_text()) == (False, before)


def test_taking_it_out_leaves_the_rest_as_it_was(table: Path, workspace: Workspace) -> None:
    table.write_text("* * * * * mine\n")
    installed(workspace)

    done = installed(workspace, remove=True)

    assert (table.read_text(), done) == ("* * * * * mine\n", Schedule((), changed=True))
    assert not installed(workspace, remove=True).changed


def test_environments_have_blocks_of_their_own(table: Path, workspace: Workspace) -> None:
    other = replace(workspace, environment=replace(workspace.environment, name="production"))
    installed(workspace)
    installed(other)

    installed(workspace, remove=True)

    assert "--env production" in table.read_text()
    assert "--env staging" not in table.read_text()


def test_the_line_runs_as_cron_runs_it_and_a_failure_is_told(table: Path, workspace: Workspace) -> None:
    installed(workspace)
    line = next(line for line in table.read_text().splitlines() if "--name shop" in line)
    command = line.split(maxsplit=5)[5].replace(r"\%", "%")  # what cron gives to /bin/sh

    done = subprocess.run(["/bin/sh", "-c", command], env={"HOME": "/"}, cwd="/", capture_output=True, text=True, check=False)
    log = (workspace.project / ".windlass" / "backups" / "staging-shop.log").read_text()

    assert "web1 (deploy@127.0.0.1:1) cannot be reached" in log
    assert done.stdout.splitlines()[0].startswith("the backup shop of staging failed")
    assert log.splitlines()[-1] in done.stdout


def test_a_block_without_its_end_is_not_guessed_at() -> None:
    begun = with_block("", "x", ["line"]).replace("# <<<", "# gone")

    with pytest.raises(BackupError, match="without its end"):
        with_block(begun, "x", ["line"])
