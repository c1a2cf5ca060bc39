"""The 25 operations in Windlass' words: a role of a user's own."""

from __future__ import annotations

from pathlib import Path

from windlass.operations.cron import Cron
from windlass.operations.directory import Directory
from windlass.operations.file import File
from windlass.operations.group import Group
from windlass.operations.line import Line
from windlass.operations.link import Link
from windlass.operations.operation import LocalFile, Operation
from windlass.operations.package import Package
from windlass.operations.service import Service
from windlass.operations.template import Template
from windlass.operations.user import User
from windlass.plans.topology import HostView

from .settings import Settings

FILES = Path(__file__).parent.parent.parent / "files"


def steps(host: HostView, settings: Settings) -> list[Operation]:
    """Accounts, places, contents, and what runs."""
    workers = [{"name": f"w{number}", "weight": number * 10} for number in range(settings.workers)]
    values = {"app_name": settings.app_name, "debug": settings.debug, "workers": workers}
    return [
        Group(name="app"),
        User(name="appuser", group="app", shell="/bin/bash"),
        User(name="worker", shell="/usr/sbin/nologin"),
        Directory(path="/opt/app", owner="appuser", group="app", mode="0755"),
        Directory(path="/opt/app/releases", owner="appuser", group="app", mode="0755"),
        Directory(path="/opt/app/shared", owner="appuser", group="app", mode="0750"),
        Directory(path="/etc/app", owner="root", group="app", mode="0755"),
        *(_template(host, f"t{number}.conf", values) for number in range(1, 7)),
        *(_copy(name) for name in ("small.bin", "big.bin")),
        Line(path="/etc/environment", line="APP_ENV=prod"),
        Line(path="/etc/profile", line="export APP=1"),
        Line(path="/etc/security/limits.conf", line="appuser soft nofile 65536"),
        Link(path="/opt/app/current", target="/opt/app/releases"),
        Link(path="/opt/app/config", target="/etc/app"),
        Cron(name="app-job", user="appuser", schedule="*/5 * * * *", command="/bin/true"),
        Package(names=("curl",)),
        Package(names=("nginx-light",)),
        Service(name="nginx"),
        Service(name="cron"),
    ]


def _template(host: HostView, name: str, values: dict[str, object]) -> Template:
    source = host.template(f"work/{name}.j2")
    return Template(path=f"/etc/app/{name}", source=source, name=name, values=values, group="app", mode="0640")


def _copy(name: str) -> File:
    return File(path=f"/opt/app/shared/{name}", content=LocalFile.of(FILES / name), owner="appuser", group="app")
