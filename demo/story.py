"""The demonstration, chapter by chapter. Each does what a person would type, and checks that what it says is true."""

from __future__ import annotations

import json
import shlex
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from demo.commands import ENVIRONMENT, Unexpected, Windlass
from demo.generator import Load
from demo.screen import Screen
from demo.versions import TAGS, make_versions
from windlass import lab
from windlass.flows.twin import labs_folder
from windlass.values import human_seconds

APP = ("--app", "tickets")
TICKETS = 1000


class Story:
    """The chapters in order, and the figures they measure."""

    def __init__(self, project: Path, screen: Screen) -> None:
        self.project = project
        self.screen = screen
        self.windlass = Windlass(project)
        self.figures: dict[str, Any] = {}
        self.requests = 0
        self.lost = 0

    def tell(self) -> dict[str, Any]:
        """All chapters; gives the figures."""
        started = time.monotonic()
        for chapter in (self.hosts, self.setup, self.first, self.second, self.broken, self.back, self.backup, self.prove):
            chapter()
        self.figures |= {"requests": self.requests, "lost": self.lost, "seconds": self.windlass.seconds}
        self.figures["total_seconds"] = round(time.monotonic() - started, 1)
        return self.figures

    def hosts(self) -> None:
        self.screen.chapter(1, "Three real Debian hosts on this machine: systemd, sshd, addresses of their own")
        self.screen.command(f"invoke lab.up --env {ENVIRONMENT}")
        self.windlass.run("lab.up", "lab.up")
        running = lab.load(ENVIRONMENT, root=labs_folder(self.project))
        self.url = f"http://{running.hosts['web1'].address}/"
        self.lab = running
        self.screen.good(f"{', '.join(f'{host.name} {host.address}' for host in running.hosts.values())}: {self._took('lab.up')}")

    def setup(self) -> None:
        self.screen.chapter(2, "They become what their roles say: nginx, Node and PM2, PostgreSQL, Redis, a firewall")
        self.screen.command(f"invoke setup --env {ENVIRONMENT}")
        done = self.windlass.run("setup", "setup")
        self.screen.good(f"{_changed(done)} operations changed something: {self._took('setup')}")
        again = self.windlass.run("setup again", "setup")
        self.screen.good(
            f"the same once more: {_changed(again)} changed, {self._took('setup again')}, one batch and one round trip a host"
        )
        self.figures["setup"] = {"changed": _changed(done), "changed_again": _changed(again)}

    def first(self) -> None:
        self.screen.chapter(3, "Version 1 of Tickets: Express, Sequelize, BullMQ, socket.io, Vue")
        make_versions(self.project)
        self.screen.command(f"invoke deploy --env {ENVIRONMENT} --app tickets --ref {TAGS[0]}")
        done = self.windlass.run("deploy version 1", "deploy", *APP, "--ref", TAGS[0])["result"]
        self.figures["first"] = {"release": done["release"], "artefact": done["artefact"]}
        self._seed()
        self.screen.good(
            f"{self._version()} serves at {self.url}: built once, the same bytes on two hosts, {self._took('deploy version 1')}"
        )

    def second(self) -> None:
        self.screen.chapter(4, "Version 2, blue-green, while 50 connections keep asking")
        self.screen.command(f"invoke deploy --env {ENVIRONMENT} --app tickets --ref {TAGS[1]}")
        with Load(self.url) as load:
            done = self.windlass.run("deploy version 2", "deploy", *APP, "--ref", TAGS[1])["result"]
        self._count(load)
        slowest = max(done["switch_milliseconds"].values())
        self.figures["switch_milliseconds"] = done["switch_milliseconds"]
        self.screen.good(
            f"{self._version()} serves: {self._took('deploy version 2')}, the switch itself {slowest:.1f} ms a host at most"
        )

    def broken(self) -> None:
        self.screen.chapter(5, "Version 3 is broken: it throws when it starts. Does anybody notice?")
        self.screen.command(f"invoke deploy --env {ENVIRONMENT} --app tickets --ref {TAGS[2]}")
        before = self._version()
        with Load(self.url) as load:
            refused = self.windlass.run("refuse version 3", "deploy", *APP, "--ref", TAGS[2], expect=1)["error"]
        self._count(load)
        self.screen.bad("refused at the gate, in the application's own words:")
        self.screen.quote([line for line in refused["last_lines"] if "Error" in line][:2])
        _same("the version that serves", before, self._version())
        self.screen.good(f"nobody did: {before} served all the while")

    def back(self) -> None:
        self.screen.chapter(6, "Three in the morning: back to version 1, no version to look up")
        self.screen.command(f"invoke rollback --env {ENVIRONMENT} --app tickets")
        with Load(self.url) as load:
            done = self.windlass.run("rollback", "rollback", *APP)["result"]
        self._count(load)
        self.figures["rollback_milliseconds"] = round(done["switched_after"] * 1000)
        self.screen.good(
            f"{self._version()} serves again on every host {self.figures['rollback_milliseconds']} ms after the Enter key,"
            f" {'by the switch alone' if done['warm'] else 'started anew'}"
        )

    def backup(self) -> None:
        self.screen.chapter(7, "A backup, and a table that somebody drops")
        rows = self._rows()
        self.screen.command(f"invoke backup --env {ENVIRONMENT}")
        self.windlass.run("backup", "backup")
        self.screen.good(f"streamed off the host, read back and decoded whole before it counts: {self._took('backup')}")
        self._sql("drop table tickets cascade")
        self.screen.bad(f"drop table tickets;  {rows} tickets are gone, the site answers {self._trouble()}")
        self.screen.command(f"invoke backup.restore --env {ENVIRONMENT} --name tickets --swap")
        self.windlass.run("restore", "backup.restore", "--name", "tickets", "--swap", "--yes")
        restored = self._rows()
        _same("the number of tickets", rows, restored)
        self.screen.good(f"{restored} tickets are back: {self._took('restore')}; the damaged database is kept beside it")
        self.figures["rows"] = {"before": rows, "after": restored}

    def prove(self) -> None:
        self.screen.chapter(8, "Is the backup any good? A drill restores it into a PostgreSQL of its own and compares")
        self.screen.command(f"invoke backup.drill --env {ENVIRONMENT}")
        self.windlass.run("drill", "backup.drill")
        self.screen.good(
            f"every table has the rows that the dump's own snapshot had: {self._took('drill')}; the backup counts as proven"
        )

    def _took(self, step: str) -> str:
        return human_seconds(self.windlass.seconds[step])

    def _count(self, load: Load) -> None:
        figures = load.figures
        self.requests += int(figures["requests"])
        self.lost += int(figures["lost"])
        self.screen.good(
            f"{figures['requests']} requests sent over {figures['connections']} connections, [bold]{figures['lost']} lost[/bold]"
        )
        if figures["lost"]:
            self.screen.quote([f"{count} x {reason}" for reason, count in figures["losses"].items()])

    def _ask(self, path: str) -> dict[str, Any]:
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:  # noqa: S310 - a lab host
            found: dict[str, Any] = json.loads(answer.read())
        return found

    def _version(self) -> str:
        return f"version {self._ask('version')['version']}"

    def _rows(self) -> int:
        return int(self._ask("api/tickets/count")["count"])

    def _trouble(self) -> int:
        """The status that the site answers with while the table is away."""
        try:
            self._ask("api/tickets/count")
        except urllib.error.HTTPError as error:
            return error.code
        raise Unexpected("the site does not miss the table")

    def _seed(self) -> None:
        folder = f"/srv/tickets/releases/{self.figures['first']['release']}"
        script = f"cd {folder} && set -a && . ./.env && set +a && npm run --silent seed -- {TICKETS}"
        self._on("app1", "sudo", "-u", "tickets", "sh", "-c", script)

    def _sql(self, statement: str) -> None:
        self._on("web1", "sudo", "-u", "postgres", "psql", "-q", "-d", "tickets", "-c", statement)

    def _on(self, host: str, *words: str) -> None:
        """Run something on a host as a person would who logs in with ssh."""
        command = self.lab.ssh(host, shlex.join(words))
        subprocess.run(command.arguments, check=True, capture_output=True)


def _changed(document: dict[str, Any]) -> int:
    return sum(int(host.get("changed", 0)) for host in document["hosts"].values())


def _same(what: str, before: object, after: object) -> None:
    if before != after:
        raise Unexpected(f"{what} was {before} and is {after}")
