"""Three hosts with the roles of the environment `lab`, and the means to work with them and to look behind them."""

from __future__ import annotations

import http.client
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.first_setup import FirstSetup
from tests.unit.roles_sample import PROJECT
from windlass.flows.setup import setup
from windlass.flows.workspace import open_workspace
from windlass.testing.lab import shell

NAME = "roles"
MADE_BY_THE_DEMO = shutil.ignore_patterns("outside.yml", "secrets.sops.yml")
TABLE = "nft list table inet windlass"
ANSWER = """\
const [place, release] = process.argv.slice(2)
require('http').createServer((request, response) => {
  response.setHeader('X-Release', release)
  response.end(JSON.stringify({ release, headers: request.headers }))
}).on('upgrade', (_request, stream) => {
  stream.end('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n\\r\\n' + release)
}).listen(place)
"""


@dataclass(frozen=True)
class Visitor:
    """Asks for the page."""

    connection: http.client.HTTPConnection

    def ask(self, headers: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
        self.connection.request("GET", "/", headers=headers or {})
        response = self.connection.getresponse()
        body = response.read()
        return response.status, json.loads(body) if response.status == 200 else {"page": body.decode()}


class Site(FirstSetup):
    """The running hosts, and the means of the tests to work with them and to look behind them."""

    def shell(self, host: str, script: str) -> str:
        """What a shell script prints that runs as root on a host, without SSH."""
        return shell(self.lab.hosts[host], script, program="/bin/bash")

    def address(self, host: str) -> str:
        return self.lab.hosts[host].address

    @contextmanager
    def visitor(self, port: int = 80) -> Iterator[Visitor]:
        """Somebody at the public's door, with one connection that is kept."""
        with closing(http.client.HTTPConnection(self.address("web1"), port, timeout=60)) as connection:
            yield Visitor(connection)

    def setup(self) -> dict[str, int]:
        """Set all hosts up as the files say now: how many operations changed something, by host."""
        result = setup(open_workspace(self.project, NAME, lab=True), self.workspace.hosts())
        assert result.error() is None
        return {name: host.changed for name, host in result.hosts.items() if host.changed}


def make_project(project: Path) -> None:
    """The environment `lab` under a name of its own."""
    shutil.copytree(PROJECT / "inventories" / "lab", project / "inventories" / NAME, ignore=MADE_BY_THE_DEMO)
    _without_https(project / "inventories" / NAME)
    (project / "samples" / "tickets").mkdir(parents=True)


def serve(site: Site, host: str, user: str, place: str, release: str) -> None:
    """A program that answers at a socket or port with the release's name, as the application's user and with its umask."""
    site.shell(host, f"cat > /srv/answer.js <<'END'\n{ANSWER}END")
    unit = f"answer-{user}-{release}"
    properties = f"--uid={user} --gid={user} --property=UMask=0007 --setenv=PATH=/usr/local/bin:/usr/bin:/bin"
    site.shell(host, f"systemd-run --quiet --collect --unit={unit} {properties} node /srv/answer.js {place} {release}")
    there = f"test -S {place}" if place.startswith("/") else f"curl -s -o /dev/null localhost:{place}"
    site.shell(host, f"until {there}; do sleep 0.05; done")


def _without_https(folder: Path) -> None:
    """One balancer, asked by its address: certificates and names have tests of their own."""
    for file, old, new in (
        ("applications.yml", r"      domains: \[tickets.*\n", ""),
        ("applications.yml", r"tls: true.*", "port: 80"),
        ("hosts.yml", r"nodejs, app\]", "nodejs, python, app]"),
        ("hosts.yml", r"web1, web2", "web1"),
        ("hosts.yml", r"  (web2|internet):.*\n.*\n", ""),
    ):
        text, count = re.subn(old, new, (folder / file).read_text())
        assert count, old
        (folder / file).write_text(text)
