"""PM2's own command line, where a program stands in that only takes its time."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from windlass.agent import pm2
from windlass.agent.core import process
from windlass.agent.core.context import Context

ME = pwd.getpwuid(os.getuid()).pw_name


def test_pm2_may_take_as_long_as_the_processes_may_take_to_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "pm2"
    script = """#!/bin/sh
case $1 in
jlist) echo '[{"name": "shop-blue-mail-0"}]' ;;
stop) sleep 0.5 ;;
save) mkdir -p .pm2; touch .pm2/dump.pm2 ;;
esac
"""
    program.write_text(script)
    program.chmod(0o755)
    monkeypatch.setattr(process, "PATH", f"{tmp_path}:{process.PATH}")
    monkeypatch.setattr(pm2, "LIMIT", 0.1)
    names = {"action": "stop", "names": ["shop-blue-mail-0"], "prefix": "", "limit_seconds": 600.0}

    outcome = pm2.pm2_control({"user": ME, "home": str(tmp_path), **names}, Context(lambda _frame: None))

    assert outcome.data == {"names": ["shop-blue-mail-0"]}
    assert (tmp_path / ".pm2/dump.pm2").stat().st_mode & 0o777 == 0o600


def test_a_pm2_that_knows_nothing_is_not_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "pm2"
    program.write_text("#!/bin/sh\n[ $1 != jlist ] || echo '[]'\n[ $1 != save ] || echo '[]' > .pm2/dump.pm2\n")
    program.chmod(0o755)
    monkeypatch.setattr(process, "PATH", f"{tmp_path}:{process.PATH}")
    (tmp_path / ".pm2").mkdir()
    (tmp_path / ".pm2/dump.pm2").write_text("what a boot brings back")

    for action in ("start", "stop", "restart", "delete", "save"):
        names = {"action": action, "names": ["shop-blue-mail-0"], "prefix": "shop-blue-", "limit_seconds": 60.0}
        pm2.pm2_control({"user": ME, "home": str(tmp_path), **names}, Context(lambda _frame: None))

    assert (tmp_path / ".pm2/dump.pm2").read_text() == "what a boot brings back"


def test_what_the_environment_of_a_process_holds_does_not_cut_pm2_s_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "pm2"
    program.write_text('#!/bin/sh\necho hello\necho \'[{"name": "shop-blue-mail-0", "pm2_env": {"TEXT": "one\u2028\x85two"}}]\'\n')
    program.chmod(0o755)
    monkeypatch.setattr(process, "PATH", f"{tmp_path}:{process.PATH}")

    (entry,) = pm2._listed({"user": ME, "home": str(tmp_path)})

    assert entry["name"] == "shop-blue-mail-0"
