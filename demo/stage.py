"""What all chapters share: the project, the screen, the hosts, the site as visitors see it, and the figures that were measured."""

from __future__ import annotations

import shlex
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from demo.commands import ENVIRONMENT, Unexpected, Windlass
from demo.generator import Load
from demo.outside import Outside
from demo.screen import Screen
from demo.site import Site
from windlass.lab import Lab
from windlass.values import human_seconds

NAME = "tickets.example.org"
BALANCERS = ("web1", "web2")
APP = ("--app", "tickets")


@dataclass(slots=True)
class Stage:
    """Where the story is played. `site` and `outside` are there once there are hosts."""

    project: Path
    screen: Screen
    windlass: Windlass
    figures: dict[str, Any] = field(default_factory=dict)
    requests: int = 0
    lost: int = 0
    secret: str = ""
    connections: int = 50
    ports: str = ""
    lab: Lab = field(init=False)
    site: Site = field(init=False)
    outside: Outside = field(init=False)

    def has(self, lab: Lab) -> None:
        """The hosts are up. Visitors come by http, or by https if they are the hosts of an earlier story."""
        self.lab = lab
        self.outside = Outside(self.project, lab)
        self.site = Site(tuple(f"http://{lab.hosts[host].address}/" for host in BALANCERS), NAME)
        if self.outside.believed.exists() and _is_open(lab.hosts[BALANCERS[0]].address, 443):
            self.come_by_https()

    def come_by_https(self) -> None:
        """From now on visitors believe the authority outside, and nobody else."""
        self.site = Site(tuple(f"https://{self.lab.hosts[host].address}/" for host in BALANCERS), NAME, self.outside.believed)

    def typed(self, *words: str) -> str:
        """Show a command as a person types it."""
        line = f"invoke {shlex.join([words[0], '--env', ENVIRONMENT, *words[1:]])}"
        self.screen.command(line)
        return line

    def run(self, step: str, *words: str, expect: int = 0) -> dict[str, Any]:
        """Show a command and run it; its document."""
        self.typed(*words)
        with self.screen.at_work():
            return self.windlass.run(step, *words, expect=expect)

    def took(self, step: str) -> str:
        return human_seconds(self.windlass.seconds[step])

    def count(self, load: Load) -> None:
        """Add what visitors went through to the figures, and say it."""
        figures = load.figures
        self.requests += int(figures["requests"])
        self.lost += int(figures["lost"])
        self.screen.good(
            f"{figures['requests']} requests sent over {figures['connections']} connections, [bold]{figures['lost']} lost[/bold]"
        )
        if figures["lost"]:
            self.screen.quote([f"{count} x {reason}" for reason, count in figures["losses"].items()])

    def version(self) -> str:
        return f"version {self.site.ask('version').json()['version']}"

    def rows(self) -> int:
        return int(self.site.ask("api/tickets/count").json()["count"])

    def trouble(self) -> int:
        """The status that the site answers with while it misses a table."""
        try:
            self.rows()
        except httpx.HTTPStatusError as error:
            return error.response.status_code
        raise Unexpected("the site does not miss the table")

    def on(self, host: str, *words: str, given: str = "") -> str:
        """Run something on a host as a person would who logs in with ssh; what it prints."""
        command = self.lab.ssh(host, shlex.join(words))
        return subprocess.run(command.arguments, input=given, check=True, capture_output=True, text=True).stdout


def _is_open(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=5).close()
    except OSError:
        return False
    return True


def changed(document: dict[str, Any]) -> int:
    """How many operations changed something, of a command's document."""
    return sum(int(host.get("changed", 0)) for host in document["hosts"].values())


def same(what: str, before: object, after: object) -> None:
    """Raises Unexpected unless it is as it was."""
    if before != after:
        raise Unexpected(f"{what} was {before} and is {after}")
