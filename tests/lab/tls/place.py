"""Two balancers, an application's host and a real authority, with the means to work with them and to look behind them."""

from __future__ import annotations

import hashlib
import json
import socket
import ssl
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509

from tests.lab.foresight import Witness
from windlass import lab
from windlass.events import Event, nobody
from windlass.flows.edge.tls import Served, chosen, issue, renew
from windlass.flows.edge.tls_grade import grades
from windlass.flows.setup import SetupResult, setup
from windlass.flows.workspace import Workspace, open_workspace
from windlass.lab import authority
from windlass.plans.grade import Grade
from windlass.testing.lab import shell

# Each checkout has hosts of its own, so that two may run their tests at the same time.
NAME = f"tls{hashlib.sha256(str(Path(__file__).parents[3]).encode()).hexdigest()[:4]}"
TOP = Path(__file__).parents[3]
NAMES = ("shop.example.org", "www.example.org")
INVENTORY = """\
hosts:
  ca: {address: 192.0.2.5}
  web1: {address: 192.0.2.10}
  web2: {address: 192.0.2.11}
  app1: {address: 192.0.2.21}
groups:
  web: {hosts: [web1, web2], roles: [firewall, nginx, certificates]}
  app: {hosts: [app1], roles: [nginx]}
applications:
  shop:
    hosts: app
    source: {npm: sample, version: 1.0.0}
    processes:
      web: {command: serve, listen: socket}
    site: {balancer: web, domains: [shop.example.org, www.example.org], tls: true}
"""
# Answers with the status that the path asks for; otherwise as a site does.
ANSWER = """\
import http.server, socketserver
class Handler(http.server.BaseHTTPRequestHandler):
    def address_string(self):
        return ""
    def do_GET(self):
        asked = self.path[1:]
        self.send_response(int(asked) if asked.isdigit() else 404 if asked else 200)
        self.send_header("Strict-Transport-Security", "max-age=1")
        self.send_header("Content-Length", "0")
        self.end_headers()
socketserver.ThreadingUnixStreamServer("/srv/shop/live/run/web-0.sock", Handler).serve_forever()
"""


@dataclass
class Site:
    """The hosts, and what the first run came to."""

    project: Path
    lab: lab.Lab
    api: str
    first: Served = field(init=False)
    foretold: Witness = field(default_factory=Witness)
    events: list[Event] = field(default_factory=list)

    @property
    def root(self) -> str:
        return authority.root(lambda script: self.shell("ca", script))

    @property
    def workspace(self) -> Workspace:
        """As the files say now."""
        return open_workspace(self.project, NAME, lab=True)

    def shell(self, host: str, script: str) -> str:
        return shell(self.lab.hosts[host], script, program="/bin/bash")

    def setup(self, limit: str = "web", roles: tuple[str, ...] = (), *, check: bool = False) -> SetupResult:
        workspace = self.workspace
        return setup(workspace, workspace.hosts(limit), roles=roles, check=check, listener=self.foretold if check else nobody)

    def restore(self) -> None:
        """As the roles say; and no worker from before goes on, as one would after a mere reload."""
        assert self.setup(roles=("nginx",)).error() is None
        for host in ("web1", "web2"):
            self.shell(host, "systemctl restart nginx")

    def settings(self, **more: object) -> None:
        """Settings of the role certificates."""
        paths = {"shop": ["/301", "/403", "/500"]}
        values = {"directory": "https://ca:14000/dir", "directory_authority": self.api, "grade_paths": paths, **more}
        path = self.project / "inventories" / NAME / "variables.yml"
        path.write_text(yaml.safe_dump({"variables": {"certificates": values}}))

    def issue(self) -> Served:
        return issue(self.workspace, chosen(self.workspace), listener=self.events.append)

    def renew(self, *, force: bool = False) -> Served:
        return renew(self.workspace, chosen(self.workspace), force=force, listener=self.events.append)

    def command(self, *words: str) -> dict[str, Any]:
        """A task as a process of its own; what it says with `--json`."""
        program = [sys.executable, "-m", "windlass.tasks.program", *words, "--env", NAME, "--lab", "--json"]
        surroundings = {"PYTHONPATH": str(TOP), "PATH": "/usr/bin:/bin"}
        done = subprocess.run(program, cwd=self.project, capture_output=True, text=True, check=False, env=surroundings)
        document: dict[str, Any] = json.loads(done.stdout)
        assert document["exit_code"] == done.returncode
        return document

    def grades(self) -> dict[str, Grade]:
        """The grade of each host by the first name."""
        found = grades(self.workspace, chosen(self.workspace))
        return {each.host: each.grade for each in found if each.grade and each.name == NAMES[0]}

    def orders(self) -> int:
        return authority.orders(lambda script: self.shell("ca", script))

    def trust(self) -> ssl.SSLContext:
        """Believes in what this authority signs, and in nothing else."""
        return ssl.create_default_context(cadata=self.root)

    def leaf(self, host: str, name: str) -> x509.Certificate:
        """What a visitor gets, after it was verified as a browser does it."""
        with (
            socket.create_connection((self.lab.hosts[host].address, 443), timeout=60) as plain,
            self.trust().wrap_socket(plain, server_hostname=name) as stream,
        ):
            return x509.load_der_x509_certificate(stream.getpeercert(binary_form=True) or b"")

    def ask(self, url: str, *more: str) -> tuple[int, dict[str, list[str]], str]:
        """Status, headers and protocol of an answer from the first balancer."""
        scheme, _, rest = url.partition("://")
        name, port = rest.partition("/")[0], "443" if scheme == "https" else "80"
        to = f"{name}:{port}:{self.lab.hosts['web1'].address}"
        done = subprocess.run(
            ["curl", "-sk", "--resolve", to, "-o", "/dev/null", "-w", "%{http_version} %{http_code} %{header_json}", *more, url],
            capture_output=True,
            text=True,
            check=True,
        )
        version, code, headers = done.stdout.split(" ", 2)
        return int(code), json.loads(headers), version
