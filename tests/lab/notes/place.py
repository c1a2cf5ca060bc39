"""The sample `notes` in a repository of its own, and a host where it runs."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from tests.lab.suite.project import NAME as SUITE
from tests.lab.suite.project import TOP, command, git, stand
from windlass import lab
from windlass.flows.deployment.deploy import Deployed, deploy
from windlass.flows.deployment.rollback import RolledBack, rollback
from windlass.flows.workspace import Workspace
from windlass.inventory import Application
from windlass.testing.lab import shell

HERE = Path(__file__).parent
NAME = SUITE.replace("suite", "notes")
HOST = "snake"


@dataclass(frozen=True)
class Notes:
    """The running host, and the means of the tests to work with it and to look behind it."""

    project: Path
    workspace: Workspace
    lab: lab.Lab

    @property
    def application(self) -> Application:
        return self.workspace.environment.application("notes")

    @property
    def url(self) -> str:
        return f"http://{self.lab.hosts[HOST].address}/version"

    def shell(self, script: str) -> str:
        """What a shell script prints that runs as root on the host, without SSH."""
        return shell(self.lab.hosts[HOST], script)

    def ask(self, path: str, method: str = "GET", body: dict[str, Any] | None = None) -> dict[str, Any]:
        """The answer to a request, as the public gets it."""
        data = json.dumps(body).encode() if body is not None else None
        address = f"http://{self.lab.hosts[HOST].address}{path}"
        request = Request(address, data, {"content-type": "application/json"}, method=method)
        with urlopen(request, timeout=30) as answer:  # noqa: S310
            found = json.loads(answer.read())
        assert isinstance(found, dict)
        return found

    def commit(self, note: str, **files: str) -> str:
        """A new version of the application, and its commit; `files` are migrations by name."""
        repository = self.project / "notes"
        (repository / "note.txt").write_text(note)
        for name, text in files.items():
            (repository / "migrations" / "versions" / f"{name}.py").write_text(text)
        git(repository, "add", "-A")
        git(repository, "commit", "-q", "--allow-empty", "-m", note)
        return git(repository, "rev-parse", "HEAD")

    def deploy(self, fault: Mapping[str, str] | None = None, **commands: str) -> Deployed:
        """Deploy what was committed last; `commands` take the place of those that the inventory has for processes of that name.

        What is not well is told by the environment (`fault`): to build a new version takes as long as all the rest.
        """
        changed = {name: self.application.processes[name].model_copy(update={"command": each}) for name, each in commands.items()}
        application = self.application.model_copy(
            update={
                "processes": {**self.application.processes, **changed},
                "environment": {**self.application.environment, **(fault or {})},
            }
        )
        return deploy(self.workspace, application, "")

    def rollback(self, wanted: str = "") -> RolledBack:
        return rollback(self.workspace, self.application, wanted)

    def live(self) -> str:
        """The release that serves, read from the disk."""
        return str(json.loads(self.shell("cat /srv/notes/live/slot.json"))["release"])

    def units(self) -> dict[str, str]:
        """What systemd has of the application, and whether it runs: `blue-web-0: active`."""
        script = "systemctl list-units --all --plain --no-legend 'windlass-notes@*'"
        rows = [line.split() for line in self.shell(script).splitlines()]
        return {row[0].partition("@")[2].removesuffix(".service"): row[2] for row in rows}

    def command(self, *words: str) -> subprocess.Popen[str]:
        """A Windlass command as a person starts it."""
        return command(self.project, *words)


def raise_notes(folder: Path) -> Notes:
    """The host, set up, and the repository with one commit."""
    shutil.copytree(HERE / "inventory", folder / "inventories" / NAME)
    shutil.copytree(TOP / "samples" / "notes", folder / "notes", ignore=shutil.ignore_patterns("__pycache__", ".venv"))
    git(folder, "init", "-q", "-b", "main", "notes")
    git(folder / "notes", "add", "-A")
    git(folder / "notes", "commit", "-q", "-m", "first")
    workspace, running = stand(folder, NAME, {HOST: "data"})
    return Notes(folder, workspace, running)
