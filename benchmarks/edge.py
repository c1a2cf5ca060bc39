"""What the edge costs: a blank host to a verified certificate, a week of renewals, a scan of all ports."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from windlass import lab
from windlass.flows.edge.firewall import Ports, check
from windlass.flows.twin import lab_spec, labs_folder
from windlass.flows.workspace import load_environment, open_workspace
from windlass.lab import authority, ipv6
from windlass.testing.lab import shell

PROJECT = Path(__file__).resolve().parent.parent
NAME = "benchmark-edge"
DOMAIN = "shop.example.org"
HOURS = 160  # the life of a certificate, as the shortest of Let's Encrypt's
INVENTORY = """\
hosts:
  outside: {address: 192.0.2.5}
  web1: {address: 192.0.2.10}
groups:
  web: {hosts: [web1], roles: [firewall, nginx, certificates]}
applications:
  shop:
    hosts: web
    source: {npm: sample, version: 1.0.0}
    processes: {web: {command: serve, listen: socket}}
    site: {domains: [shop.example.org], tls: true}
"""
# The unit that the timer starts, as it is, but for the time of day: certbot is told that so many hours have gone by.
CLOCK = """
apt-get install -qqy faketime >/dev/null 2>&1
mkdir -p /run/systemd/system/windlass-certificates.service.d
printf '[Service]\\nEnvironmentFile=/run/clock\\n' > /run/systemd/system/windlass-certificates.service.d/clock.conf
systemctl daemon-reload
find /usr/lib -name libfaketime.so.1
"""
SERIAL = "openssl x509 -noout -serial -in /etc/windlass/certificates/shop/live/fullchain.pem"
# systemd would count fourteen starts in a few seconds as a fault.
START = "systemctl reset-failed windlass-certificates.service 2>/dev/null || true; systemctl start windlass-certificates.service"
# When certbot may ask again stands in its files, by the shifted clock; a new certificate begins with an old clock.
FORGET = "sed -i /ari_retry_after/d /etc/letsencrypt/renewal/shop.conf"
REMEMBER = "/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_syn_sent"


class Edge:
    """A lab with an authority and one blank host."""

    def __init__(self, project: Path) -> None:
        self.project = project
        folder = project / "inventories" / NAME
        folder.mkdir(parents=True)
        (folder / "hosts.yml").write_text(INVENTORY)
        self.lab = lab.up(lab_spec(load_environment(project, NAME)), root=labs_folder(project), say=_silent)
        api, chain, key = authority.certificate_for("outside")
        names = {DOMAIN: [self.lab.hosts["web1"].address]}
        authority.start(lambda script: self.shell("outside", script), chain, key, names, seconds=HOURS * 3600)
        self.root = authority.root(lambda script: self.shell("outside", script))
        settings = {"directory": "https://outside:14000/dir", "directory_authority": api + self.root}
        (folder / "variables.yml").write_text(yaml.safe_dump({"variables": {"certificates": settings}}))

    def shell(self, host: str, script: str) -> str:
        return shell(self.lab.hosts[host], script, program="/bin/bash")

    def command(self, *words: str) -> tuple[float, dict[str, Any]]:
        """A task as a person runs it: its wall time and its document."""
        began = time.monotonic()
        program = [sys.executable, "-m", "invoke", "--search-root", str(PROJECT), *words, "--env", NAME, "--lab", "--json"]
        done = subprocess.run(program, cwd=self.project, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
        return round(time.monotonic() - began, 2), json.loads(done.stdout)


def blank_to_verified(edge: Edge) -> dict[str, Any]:
    """`tls.issue` on a host that has nothing, the installation of all its packages included; then as a browser looks."""
    seconds, document = edge.command("tls.issue")
    context = ssl.create_default_context(cadata=edge.root)
    with (
        socket.create_connection((edge.lab.hosts["web1"].address, 443), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=DOMAIN) as stream,
    ):
        assert stream.version() == "TLSv1.3"
    graded, grades = edge.command("tls.grade")
    return {
        "seconds": seconds,
        "steps": document["result"]["seconds"],
        "includes_packages": True,
        "grade": grades["result"]["listeners"][0]["grade"],
        "grade_seconds": graded,
    }


def renewals(edge: Edge) -> dict[str, Any]:
    """Two runs of the timer a day for a week. The certificate is real; the clock of each run says how old it is."""
    library = edge.shell("web1", CLOCK).split()[0]
    edge.shell("web1", FORGET)
    serials, issued_at = [edge.shell("web1", SERIAL)], 0
    for run in range(1, 15):
        hour = 12 * run
        edge.shell("web1", f"printf 'LD_PRELOAD={library}\\nFAKETIME=+{hour - issued_at}h\\n' > /run/clock")
        edge.shell("web1", START)
        serial = edge.shell("web1", SERIAL)
        if serial != serials[-1]:
            serials.append(serial)
            issued_at = hour
            edge.shell("web1", FORGET)
    return {"life_hours": HOURS, "timer_runs": 14, "days": 7, "certificates": len(serials), "renewed_after_hours": issued_at}


def scan(edge: Edge) -> dict[str, Any]:
    """All 65,535 ports of a host behind its firewall, in both families, from this machine and from another host."""
    ipv6.give(edge.lab)
    remembered = Path(REMEMBER).read_text()
    try:
        # What is not answered is forgotten sooner than usual: four scans at once would fill this machine's table.
        Path(REMEMBER).write_text("10")
        for host in edge.lab.hosts:
            edge.shell(host, f"echo 10 > {REMEMBER}")
        workspace = open_workspace(edge.project, NAME, lab=True)
        began = time.monotonic()
        found = check(workspace, workspace.hosts("web1"), ports=Ports())
        seconds = round(time.monotonic() - began, 1)
    finally:
        Path(REMEMBER).write_text(remembered)
    looks = found.hosts["web1"].seen
    assert not found.error()
    return {
        "ports": 65535,
        "looks": [f"{each.viewer or 'controller'} over IPv{6 if ':' in each.address else 4}" for each in looks],
        "open": sorted({port for each in looks for port in each.open}),
        "seconds": seconds,
        "seconds_per_address": round(seconds / (len(looks) / 2), 1),
    }


def measure() -> dict[str, Any]:
    """All figures of the edge, on a lab of its own that goes at the end."""
    with tempfile.TemporaryDirectory(prefix="windlass-benchmark-") as folder:
        project = Path(folder)
        try:
            edge = Edge(project)
            return {"blank_to_verified": blank_to_verified(edge), "renewals": renewals(edge), "port_scan": scan(edge)}
        finally:
            lab.down(NAME, root=labs_folder(project), say=_silent)


def _silent(_line: str) -> None:
    """What counts are the figures."""
