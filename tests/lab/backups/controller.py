"""A host that is made a controller: Windlass is put on it, with what it needs, and it backs its own databases up."""

from __future__ import annotations

import io
import re
import sys
import tarfile
from contextlib import suppress
from importlib.metadata import Distribution, PackageNotFoundError, distribution, requires
from pathlib import Path

import pytest

from tests.lab.backups.place import Place
from windlass.testing.lab import shell

REPOSITORY = Path(__file__).parents[3]
PROJECT = "/root/night's project"
INVENTORY = """
environment: {user: deploy, notify: {email: {to: [ops@example.org], sender: windlass@example.org}}}
hosts:
  here: {address: 127.0.0.1}
backups:
  tickets: {database: tickets, host: here, directory: backups, schedule: "30 2 * * *"}
  gone: {database: gone, host: here, directory: backups}
"""
PACKAGES = "/usr/local/lib/python3.11/dist-packages"


def make_controller(place: Place) -> None:
    """Put Windlass and a project on the host, whose root logs in to the host itself as the lab's key allows."""
    if sys.version_info[:2] != (3, 11):
        pytest.skip("compiled packages of this Python do not run on the lab's hosts, which have 3.11")
    put(place, _archive(), f"tar -x -C {PACKAGES}")
    running = place.workspace.lab
    assert running is not None
    put(place, running.private_key.read_bytes(), "install -d -m 700 /root/.ssh; install -m 600 /dev/stdin /root/.ssh/id_ed25519")
    put(place, INVENTORY.encode(), f'mkdir -p "{PROJECT}/inventories/night"; cat >"{PROJECT}/inventories/night/hosts.yml"')
    place.shell("ssh-keyscan 127.0.0.1 >/root/.ssh/known_hosts 2>/dev/null")


def put(place: Place, content: bytes, script: str) -> None:
    """Run a script that reads this."""
    shell(place.machine, script, given=content)


def _archive() -> bytes:
    """The program, and the packages that it needs, as they are installed here."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for folder in ("windlass", "roles", "templates"):
            archive.add(REPOSITORY / folder, folder, filter=_without_caches)
        archive.add(REPOSITORY / "tasks.py", "tasks.py")
        for package in _needed("windlass"):
            for file in package.files or ():
                if ".." not in file.parts:
                    archive.add(str(file.locate()), str(file), filter=_without_caches)
    return content.getvalue()


def _needed(name: str) -> list[Distribution]:
    """All that a package needs; what is not installed is for other Pythons."""
    found: dict[str, Distribution] = {}
    waiting = [name]
    while waiting:
        for line in requires(waiting.pop()) or ():
            each = re.split(r"[^A-Za-z0-9._-]", line)[0].lower()
            if each in found or "extra ==" in line:
                continue
            with suppress(PackageNotFoundError):
                found[each] = distribution(each)
                waiting.append(each)
    return list(found.values())


def _without_caches(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if "__pycache__" in member.name else member
