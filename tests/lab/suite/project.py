"""A project of its own for the tests, on hosts that are set up once."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.suite.stock import finish, furnished
from windlass import lab
from windlass.flows.deployment.deploy import Deployed, deploy
from windlass.flows.deployment.rollback import RolledBack, rollback
from windlass.flows.setup import setup
from windlass.flows.twin import lab_spec, labs_folder
from windlass.flows.workspace import Workspace, load_environment, open_workspace
from windlass.testing.lab import shell

HERE = Path(__file__).parent
TOP = HERE.parent.parent.parent
KINDS = {"front": "edge", "app1": "app", "app2": "app"}
SOURCES = {"tiny": HERE / "app", "queue": TOP / "samples/queue", "pages": TOP / "samples/pages"}
# Each checkout, and in it each process of a parallel run, has hosts of its own.
_WHO = f"{TOP} {os.environ.get('PYTEST_XDIST_WORKER', '')}"
NAME = f"suite{hashlib.sha256(_WHO.encode()).hexdigest()[:4]}"


@dataclass(frozen=True)
class Suite:
    """The running hosts, and the means of the tests to work with them and to look behind them."""

    project: Path
    workspace: Workspace
    lab: lab.Lab

    def shell(self, host: str, script: str) -> str:
        """What a shell script prints that runs as root on a host, without SSH."""
        return shell(self.lab.hosts[host], script)

    def url(self, path: str = "/", port: int = 80) -> str:
        """An address of the balancer's."""
        return f"http://{self.lab.hosts['front'].address}:{port}{path}"

    def commit(self, fault: dict[str, Any] | None = None, note: str = "", application: str = "tiny") -> str:
        """A new version of an application, and its commit."""
        repository = self.project / application
        (repository / "fault.json").write_text(json.dumps(fault or {"kind": "none"}))
        (repository / "note.txt").write_text(note)
        git(repository, "add", "-A")
        git(repository, "commit", "-q", "--allow-empty", "-m", note or "a version")
        return git(repository, "rev-parse", "HEAD")

    def deploy(self, application: str = "tiny", *, force: bool = False, gate_seconds: float = 0.0) -> Deployed:
        """Deploy what was committed last; `gate_seconds`, if given, is how long its processes may take to be ready."""
        wanted = self.workspace.environment.application(application)
        if gate_seconds:
            wanted = wanted.model_copy(update={"gate": wanted.gate.model_copy(update={"limit_seconds": gate_seconds})})
        return deploy(self.workspace, wanted, "", force=force)

    def rollback(self, application: str = "tiny", wanted: str = "") -> RolledBack:
        return rollback(self.workspace, self.workspace.environment.application(application), wanted)

    def live(self, application: str = "tiny") -> dict[str, str]:
        """The release that serves, for each application host, read from its disk."""
        script = f"cat /srv/{application}/live/slot.json"
        return {host: str(json.loads(self.shell(host, script))["release"]) for host in ("app1", "app2")}

    def command(self, *words: str) -> subprocess.Popen[str]:
        """A Windlass command as a person starts it, as a process of its own."""
        return command(self.project, *words)


def command(project: Path, *words: str) -> subprocess.Popen[str]:
    """A Windlass command in a project, as a process of its own."""
    return begun(project, "-m", "windlass.tasks.program", *words)


def begun(project: Path, *words: str) -> subprocess.Popen[str]:
    """Python, at work in a project."""
    return subprocess.Popen(
        [sys.executable, *words],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(TOP)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def git(folder: Path, *arguments: str) -> str:
    """A git command with a name and an address of its own."""
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    return subprocess.run(
        ["git", *identity, "-C", str(folder), *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


def make_project(folder: Path) -> None:
    """The files of the project: inventory, tasks, and each application's repository with one commit."""
    shutil.copytree(HERE / "inventory", folder / "inventories" / NAME)
    for name, source in SOURCES.items():
        shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("node_modules"))
        git(folder, "init", "-q", "-b", "main", name)
        git(folder / name, "add", "-A")
        git(folder / name, "commit", "-q", "-m", "first")


def raise_suite(folder: Path) -> Suite:
    """The suite's hosts, and its project."""
    make_project(folder)
    workspace, running = stand(folder, NAME, KINDS)
    return Suite(folder, workspace, running)


def stand(folder: Path, name: str, kinds: Mapping[str, str]) -> tuple[Workspace, lab.Lab]:
    """An environment's hosts, set up. They begin as hosts of these kinds, for what takes long was done before."""
    running = furnished(lab_spec(load_environment(folder, name)), labs_folder(folder), kinds)
    workspace = open_workspace(folder, name, lab=True)
    finish(setup(workspace, workspace.hosts()))
    return workspace, running
