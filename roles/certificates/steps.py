"""What the role certificates wants of a host."""

from __future__ import annotations

import hashlib

from windlass.operations.command import Run
from windlass.operations.directory import Directory
from windlass.operations.file import File
from windlass.operations.link import Link
from windlass.operations.operation import Operation
from windlass.operations.package import Package
from windlass.operations.service import Service
from windlass.operations.template import Template
from windlass.plans.certificates import CHALLENGES, FOLDER, PROGRAM, WEBROOT, certificates
from windlass.plans.topology import HostView

from .settings import Settings

REQUIREMENTS = "/etc/windlass/certbot.txt"
AUTHORITY = "/etc/windlass/directory-authority.pem"
UNITS = "/etc/systemd/system"
# `whole` comes last: a folder without it is what an installation that broke off left.
INSTALL = """
set -e
rm -rf {folder}
python3 -m venv {folder}
{folder}/bin/pip install --quiet --disable-pip-version-check --no-input --requirement {requirements}
touch {folder}/whole
"""


def steps(host: HostView, settings: Settings) -> list[Operation]:
    """certbot, the program that asks and installs, and the timer that runs it."""
    timer = _template(host, f"{UNITS}/windlass-certificates.timer", "timer.j2", {"renew_at": settings.renew_at})
    return [
        Package(names=("python3-venv", "openssl")),
        *(Directory(path=path) for path in ("/etc/windlass", f"{WEBROOT}{CHALLENGES}".rstrip("/"), "/opt/certbot")),
        Directory(path=FOLDER, mode="0700"),
        *_certbot(host),
        File(path=AUTHORITY, content=settings.directory_authority, absent=not settings.directory_authority),
        _template(host, PROGRAM, "windlass-certificates.j2", _values(host, settings), mode="0755"),
        _template(host, f"{UNITS}/windlass-certificates.service", "service.j2", {"program": PROGRAM}),
        timer,
        Service(name="windlass-certificates.timer", restart_on=(timer,)),
    ]


def _certbot(host: HostView) -> list[Operation]:
    """In a folder named after what is in it, so that another version comes beside it and takes its place when it is whole."""
    requirements = host.template("certificates/certbot.txt")
    folder = f"/opt/certbot/{hashlib.sha256(requirements.encode()).hexdigest()[:12]}"
    install = INSTALL.format(folder=folder, requirements=REQUIREMENTS)
    return [
        File(path=REQUIREMENTS, content=requirements),
        Run(command=install, name="certbot in a place of its own", creates=f"{folder}/whole", limit_seconds=900),
        Link(path="/usr/local/bin/certbot", target=f"{folder}/bin/certbot"),
    ]


def _values(host: HostView, settings: Settings) -> dict[str, object]:
    here = host.environment.host(host.name)
    served = [each for each in certificates(host.environment) if here in each.hosts]
    return settings.model_dump() | {
        "server": settings.staging_directory if settings.staging else settings.directory,
        "authority": AUTHORITY if settings.directory_authority else "",
        "folder": FOLDER,
        "webroot": WEBROOT,
        "certificates": [{"name": each.name, "domains": each.domains, "source": each.source(here)} for each in served],
    }


def _template(host: HostView, path: str, name: str, values: dict[str, object], *, mode: str = "0644") -> Template:
    return Template(path=path, source=host.template(f"certificates/{name}"), name=f"certificates/{name}", values=values, mode=mode)
