"""One host with Docker, a project with a stack and an application for it, and the means to look behind them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from tests.lab.first_setup import FirstSetup
from tests.lab.foresight import Witness
from tests.lab.suite.project import NAME as SUITE
from tests.lab.suite.project import command, git
from windlass.flows.deployment.deploy import Deployed, deploy
from windlass.flows.deployment.rollback import RolledBack, rollback
from windlass.flows.setup import SetupResult, setup
from windlass.flows.workspace import open_workspace
from windlass.inventory import Application
from windlass.testing.lab import shell

HERE = Path(__file__).parent
NAME = SUITE.replace("suite", "compose")
HOST = "dock"


class Dock(FirstSetup):
    """The running host, and the means of the tests to work with it and to look behind it."""

    @property
    def application(self) -> Application:
        return self.workspace.environment.application("shop")

    @property
    def url(self) -> str:
        return f"http://{self.lab.hosts[HOST].address}/cgi-bin/version"

    def shell(self, script: str) -> str:
        """What a shell script prints that runs as root on the host, without SSH."""
        return shell(self.lab.hosts[HOST], script)

    def write(self, path: str, text: str) -> str:
        """Put a text into a file of the project; gives the one that was in it."""
        file = self.project / path
        before = file.read_text()
        file.write_text(text)
        return before

    def setup(self, *, check: bool = False) -> tuple[SetupResult, Witness]:
        """Set the host up as the project says now."""
        witness, workspace = Witness(), open_workspace(self.project, NAME, lab=True)
        return setup(workspace, workspace.hosts(), check=check, listener=witness), witness

    def with_worker(self, **settings: object) -> Application:
        """The application, its worker with other settings."""
        processes = dict(self.application.processes)
        processes["worker"] = processes["worker"].model_copy(update=settings)
        return self.application.model_copy(update={"processes": processes})

    def containers(self, project: str) -> dict[str, str]:
        """The running containers of a project of Compose's whose name begins like this: id by name."""
        rows = self.shell('docker ps --no-trunc --format "{{.Names}} {{.ID}}"').splitlines()
        return dict(row.split() for row in rows if row.startswith(project))

    def commit(self, note: str, **files: str) -> str:
        """A new version of the application, and its commit; `files` by name, with `_` for `.`."""
        repository = self.project / "shop"
        for name, text in {"note_txt": note, **files}.items():
            (repository / name.replace("_", ".")).write_text(text)
        git(repository, "add", "-A")
        git(repository, "commit", "-q", "--allow-empty", "-m", note)
        return git(repository, "rev-parse", "HEAD")

    def deploy(self) -> Deployed:
        """Deploy what was committed last."""
        return deploy(self.workspace, self.application, "")

    def rollback(self, wanted: str = "", application: Application | None = None) -> RolledBack:
        return rollback(self.workspace, application or self.application, wanted)

    def workers_since(self, moment: str) -> list[str]:
        """Since this moment of the host's clock (`date +%s.%N`): `start` for each worker that began, `die` for each that ended."""
        told = f"docker events --since {moment} --until $(($(date +%s) + 1)) --filter label=com.docker.compose.service=worker"
        return self.shell(f"{told} --filter event=start --filter event=die --format '{{{{.Action}}}}'").split()

    def ask(self) -> dict[str, Any]:
        """Who answers the public."""
        with urlopen(self.url, timeout=30) as answer:  # noqa: S310
            found = json.loads(answer.read())
        assert isinstance(found, dict)
        return found

    def live(self) -> str:
        """The release that serves, read from the disk."""
        return str(json.loads(self.shell("cat /srv/shop/live/slot.json"))["release"])

    def slot(self) -> str:
        """The slot that serves."""
        return self.shell("basename $(readlink /srv/shop/live)")

    def projects(self) -> set[str]:
        """Those of the application's projects that have containers which run, without its name: `blue-…-web-0`."""
        rows = self.shell("docker ps --format '{{.Label \"com.docker.compose.project\"}}'").splitlines()
        return {row.removeprefix("shop-") for row in rows if row.startswith("shop-")}

    def command(self, *words: str) -> subprocess.Popen[str]:
        """A Windlass command as a person starts it."""
        return command(self.project, *words, "--env", NAME, "--lab")


def make_project(folder: Path) -> None:
    """The inventory, the role of the tests' own, the stack, and the application's repository with one commit."""
    shutil.copytree(HERE / "inventory", folder / "inventories" / NAME)
    shutil.copytree(HERE / "larder", folder / "roles" / "larder")
    shutil.copytree(HERE / "cellar", folder / "cellar")
    shutil.copytree(HERE / "app", folder / "shop")
    git(folder, "init", "-q", "-b", "main", "shop")
    git(folder / "shop", "add", "-A")
    git(folder / "shop", "commit", "-q", "-m", "first")
