"""An inventory that cannot be read any more does not silence its alarms: whom it named when it last could be read is told."""

from __future__ import annotations

import json
import stat
import subprocess
from pathlib import Path

import pytest

from tests.unit.sample_project import run_tasks
from tests.unit.test_backup_watch import HOOK, Heard, attempt, opened, web
from windlass.flows.backups.attempts import attempts
from windlass.flows.backups.last_good import last_good

__all__ = ["web"]

HOSTS = Path("inventories", "staging", "hosts.yml")


@pytest.fixture
def broken(tmp_path: Path, web: Heard, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose backup ran once; then somebody broke its inventory."""
    monkeypatch.setenv("WINDLASS_SECRET_HOOK", HOOK)
    secrets = tmp_path / ".windlass" / "secrets" / "staging.yml"
    secrets.parent.mkdir(parents=True)
    secrets.write_text(f"hook: {HOOK}\nsmtp: x\n")
    secrets.chmod(0o600)
    url = f"{web.url}/{{{{ secrets.hook }}}}"
    attempt(opened(tmp_path, f'webhook: "{url}"', f', ping: "{url}/{{{{ host.name }}}}"'))
    web.requests.clear()
    (tmp_path / HOSTS).write_text("hosts: {web1: {adress: 127.0.0.1}}\n")
    return tmp_path


def fails(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    done = run_tasks(project, *words, "--env", "staging")
    assert done.returncode == 2, done.stderr
    return done


def told(web: Heard) -> list[str]:
    return [path for path, _kind, _body in web.requests]


def test_a_backup_that_cannot_begin_is_told_and_so_is_that_it_works_again(broken: Path, web: Heard) -> None:
    done = fails(broken, "backup.run", "--name", "shop")
    (hook,) = [json.loads(body) for path, _kind, body in web.requests if path == f"/{HOOK}"]
    kept = last_good(broken, "staging")

    assert told(web)[0] == f"/{HOOK}/web1/start"
    assert sorted(told(web)[1:]) == [f"/{HOOK}", f"/{HOOK}/web1/fail"]  # at once: neither waits for the other
    assert hook["event"] == "failed"
    assert hook["text"].startswith("staging: backup of shop failed: ")
    assert "adress" in " ".join([hook["message"], *hook["last_lines"]])
    assert (hook["database"], hook["host"], hook["store"]) == ("shop", "web1", "directory")
    assert "adress" in done.stderr
    assert "warning" not in done.stderr
    assert kept is not None
    assert attempts(kept, "shop")["backup"].failing is not None

    web.requests.clear()
    attempt(kept)
    assert [json.loads(body)["event"] for path, _kind, body in web.requests if path == f"/{HOOK}"] == ["recovered"]


@pytest.mark.parametrize("task", ["backup.drill", "backup.prune"])
def test_so_are_a_drill_and_a_prune_and_the_switch_is_left_alone(broken: Path, web: Heard, task: str) -> None:
    fails(broken, task)

    assert told(web) == [f"/{HOOK}"]


@pytest.mark.parametrize(
    "words", [("backup.run", "--if-missed"), ("backup.run", "--name", "other"), ("backup.list",), ("backup.prune", "--check")]
)
def test_what_is_asked_every_hour_or_by_a_person_and_what_nobody_knew_is_not_told(
    broken: Path, web: Heard, words: tuple[str, ...]
) -> None:
    fails(broken, *words)

    assert told(web) == []


def test_a_secret_that_is_gone_is_a_warning(broken: Path, web: Heard) -> None:
    (broken / ".windlass" / "secrets" / "staging.yml").write_text("smtp: x\n")
    done = fails(broken, "backup.run")

    assert told(web) == []
    assert "warning: the webhook could not be told about staging: backup of shop: the secret hook has no value" in done.stderr


def test_without_a_good_run_there_is_nobody_to_tell(broken: Path, web: Heard) -> None:
    (broken / ".windlass" / "backups" / "staging.told").unlink()
    done = fails(broken, "backup.run")

    assert told(web) == []
    assert "adress" in done.stderr


def test_no_secret_is_kept(broken: Path) -> None:
    path = broken / ".windlass" / "backups" / "staging.told"

    assert HOOK not in path.read_text()
    assert "{{ secrets.hook }}" in path.read_text()
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
