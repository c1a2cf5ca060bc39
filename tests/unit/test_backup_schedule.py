"""Backups in a crontab: only our block is touched, and its lines survive cron and the shell."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.unit.sample_project import HOSTS, run_tasks, write_project
from windlass.errors import BackupError
from windlass.flows.backups.crontab import in_crontab, with_block
from windlass.flows.backups.schedule import Schedule, missed, next_run, schedule, scheduled_by
from windlass.flows.backups.timers import units
from windlass.flows.backups.vault import chosen_backups
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
    assert [line.startswith("#") for line in lines[2:]] == [True, False, False, False, False, True]
    assert [line.partition(" log=")[0] for line in lines[3:7]] == ["15 3 * * *", "30 2 * * *", "17 * * * *", "@reboot sleep 120;"]
    assert (done.lines, done.changed, done.by) == (tuple(lines[3:7]), True, "cron")


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

    assert (table.read_text(), done) == ("* * * * * mine\n", Schedule((), changed=True, by="cron"))
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

    path = workspace.project / ".windlass" / "backups" / "staging-shop.log"
    path.write_text("of many nights\n" * 100_000)

    done = subprocess.run(["/bin/sh", "-c", command], env={"HOME": "/"}, cwd="/", capture_output=True, text=True, check=False)
    log = path.read_text()

    assert "of many nights" not in log
    assert path.with_name("staging-shop.log.1").read_text().endswith("of many nights\n")
    assert "web1 (deploy@127.0.0.1:1) cannot be reached" in log
    assert done.stdout.splitlines()[0].startswith("the backup shop of staging failed")
    assert log.splitlines()[-1] in done.stdout


def test_a_block_without_its_end_is_not_guessed_at() -> None:
    begun = with_block("", "x", ["line"]).replace("# <<<", "# gone")

    with pytest.raises(BackupError, match="without its end"):
        with_block(begun, "x", ["line"])


def test_what_was_missed_is_made_up_for_once_even_if_it_fails_again(workspace: Workspace) -> None:
    entry = workspace.environment.backup("shop")
    words = ["backup.run", "--env", "staging", "--name", "shop", "--if-missed"]
    first = run_tasks(workspace.project, *words)
    again = run_tasks(workspace.project, *words)
    noted = json.loads((workspace.project / ".windlass" / "backups" / "staging-shop.json").read_text())["backup"]
    later = datetime.now(UTC) + timedelta(days=1, minutes=10)

    assert first.returncode == 1
    assert "no run was ever begun here" in first.stderr
    assert noted["failed"].startswith("web1 (deploy@127.0.0.1:1) cannot be reached")
    assert (again.returncode, "none was due since" in again.stderr) == (0, True)
    assert missed(workspace, entry, later).run


def test_the_next_run_is_by_the_clock_of_whatever_runs_it(
    table: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        done = installed(workspace)
        now = datetime(2026, 11, 20, 12, tzinfo=UTC)
        by = {each: next_run(workspace.environment.backup("shop"), each, now) for each in ("cron", "systemd")}
    finally:
        monkeypatch.undo()
        time.tzset()

    assert by == {"cron": datetime(2026, 11, 20, 18, 15, tzinfo=UTC), "systemd": datetime(2026, 11, 21, 3, 15, tzinfo=UTC)}
    assert done.notes == ("cron follows this machine's clock, which is UTC+0900; --with systemd follows UTC",)


def test_what_runs_which_backup_is_read_back(table: Path, workspace: Workspace) -> None:
    before = in_crontab(workspace)
    installed(workspace)

    assert before == frozenset()
    assert scheduled_by(workspace) == {"shop": "cron", "blog": "cron"}


def test_a_timer_makes_up_for_what_it_missed_and_a_service_has_its_limits(workspace: Workspace) -> None:
    entry = workspace.environment.backup("shop").model_copy(update={"spread": "15m", "time_limit": "90m"})
    found = {name.rpartition(".")[2]: text.splitlines() for name, text in units(workspace, [entry]).items()}

    assert {"OnCalendar=*-*-* 03:15:00 UTC", "Persistent=true", "RandomizedDelaySec=900"} <= set(found["timer"])
    assert {"Type=oneshot", "TimeoutStartSec=5400", f"WorkingDirectory={workspace.project}".replace("%", "%%")} <= set(
        found["service"]
    )
    assert found["timer"][0] == found["service"][0] == f"# windlass backups: staging of {workspace.project}"


def test_what_is_unknown_runs_nothing(workspace: Workspace) -> None:
    done = run_tasks(workspace.project, "backup.schedule", "--env", "staging", "--with", "at")

    assert (done.returncode, "nothing here is called 'at' that could run backups" in done.stderr) == (2, True)
