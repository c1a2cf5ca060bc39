"""PM2 as a library and, where that is not found, as a command: in its place stands a program that only takes its time."""

from __future__ import annotations

import json
import os
import pwd
import sys
from pathlib import Path
from typing import Any

import pytest

from windlass.agent import pm2
from windlass.agent.core import process
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import OperationError

ME = pwd.getpwuid(os.getuid()).pw_name
# Writes down what it is called for, and has one process.
LIBRARY = """
const fs = require("fs");
const home = process.env.PM2_HOME;
const step = (name, answer) => (...words) => {
  const done = words.pop();
  fs.appendFileSync(home + "/calls", JSON.stringify([name, ...words]) + "\\n");
  if (name === "dump") fs.writeFileSync(home + "/dump.pm2", "[]");
  if (words[0] === "shop-red-web-0") return done([new Error("nobody knows how")]);
  setTimeout(() => done(null, answer), 10);
};
for (const name of ["connect", "delete", "start", "stop", "restart", "dump"]) exports[name] = step(name);
exports.list = step("list", [{ name: "shop-blue-web-0", pm2_env: { status: "online" } }, { name: "shop-red-web-0" }]);
console.log("[PM2] Spawning PM2 daemon");
"""


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's home, where the command `pm2` is of a package that can be used as a library."""
    package = tmp_path / "lib/node_modules/pm2"
    (package / "bin").mkdir(parents=True)
    (package / "index.js").write_text(LIBRARY)
    (package / "bin/pm2").write_text("#!/bin/sh\nexit 9\n")
    (package / "bin/pm2").chmod(0o755)
    (tmp_path / "pm2").symlink_to("lib/node_modules/pm2/bin/pm2")
    (tmp_path / ".pm2").mkdir()
    monkeypatch.setattr(process, "PATH", f"{tmp_path}:{Path(sys.executable).parent}:{process.PATH}")
    return tmp_path


def calls(home: Path) -> list[list[Any]]:
    """What the library was called for since the last look."""
    lines = (home / ".pm2/calls").read_text().splitlines()
    (home / ".pm2/calls").unlink()
    return [json.loads(line) for line in lines]


def test_one_program_goes_through_all_steps_and_the_list_is_saved_last(library: Path) -> None:
    where = {"user": ME, "home": str(library)}
    entry = {"name": "shop-blue-web-0", "launcher": "/run", "folder": "/", "log": "/log", "stop_seconds": 1, "memory": ""}

    pm2.pm2_start({**where, "replaces": "shop-blue-", "processes": [entry]}, Context(lambda _frame: None))
    started = calls(library)
    names = {"action": "stop", "names": ["shop-blue-web-0"], "prefix": ""}
    stopped = pm2.pm2_control({**where, **names}, Context(lambda _frame: None))

    told = ["start", str(library / "pm2-start.json")]
    assert started == [["connect"], ["list"], ["delete", "shop-blue-web-0"], told, ["dump", True]]
    assert calls(library) == [["connect"], ["list"], ["connect"], ["stop", "shop-blue-web-0"], ["dump", True]]
    assert stopped.data == {"names": ["shop-blue-web-0"]}
    assert (library / ".pm2/dump.pm2").stat().st_mode & 0o777 == 0o600


def test_the_step_that_fails_is_named_with_what_pm2_says_and_nothing_is_saved(library: Path) -> None:
    names = {"action": "delete", "names": ["shop-red-web-0"], "prefix": ""}

    with pytest.raises(OperationError, match="pm2 delete, dump ended with status 1") as caught:
        pm2.pm2_control({"user": ME, "home": str(library), **names}, Context(lambda _frame: None))

    assert list(caught.value.last_lines)[-1] == "delete: nobody knows how"
    assert not (library / ".pm2/dump.pm2").exists()


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


@pytest.mark.parametrize(("listed", "gone"), [("[]", []), ('[{"name": "shop-red-1"}, {"name": "other-1"}]', ["delete shop-red-1"])])
def test_a_command_of_that_name_does_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listed: str, gone: list[str]
) -> None:
    program = tmp_path / "pm2"
    program.write_text(f"#!/bin/sh\n[ $1 != jlist ] || echo '{listed}'\n[ $1 = jlist ] || echo $* >> calls\n")
    program.chmod(0o755)
    monkeypatch.setattr(process, "PATH", f"{tmp_path}:{process.PATH}")

    pm2.pm2_start({"user": ME, "home": str(tmp_path), "replaces": "shop-red-", "processes": []}, Context(lambda _frame: None))

    assert (tmp_path / "calls").read_text().splitlines() == [*gone, f"start {tmp_path}/pm2-start.json", "save --force"]


def test_what_the_environment_of_a_process_holds_does_not_cut_pm2_s_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "pm2"
    program.write_text('#!/bin/sh\necho hello\necho \'[{"name": "shop-blue-mail-0", "pm2_env": {"TEXT": "one\u2028\x85two"}}]\'\n')
    program.chmod(0o755)
    monkeypatch.setattr(process, "PATH", f"{tmp_path}:{process.PATH}")

    (entry,) = pm2._listed({"user": ME, "home": str(tmp_path)})

    assert entry["name"] == "shop-blue-mail-0"
