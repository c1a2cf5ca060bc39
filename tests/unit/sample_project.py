"""A small project of a user's own: two environments on loopback, one role, one template, one secret."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.unit import warm_start

REPOSITORY = Path(__file__).parents[2]

HOSTS = """\
environment: {user: deploy, confirm: false}
hosts:
  web1: {address: 127.0.0.1, port: 1}
  web2: {address: 127.0.0.2, port: 1, jump: web1}
groups:
  all: {roles: [greeting]}
  edge: {hosts: [web2], variables: {greeting: {text: from the edge}}}
secrets:
  token: {generate: 20}
"""
SETTINGS = """\
from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    text: str
"""
STEPS = """\
from windlass.operations.file import File

from .settings import Settings


def steps(host, settings: Settings):
    text = host.template("greeting/motd").replace("@", settings.text)
    return [File(path="/etc/motd", content=f"{text} to {host.name}")]
"""


def write_project(folder: Path) -> Path:
    """Write the project into an empty folder."""
    files = {
        "inventories/staging/hosts.yml": HOSTS,
        "inventories/production/hosts.yml": HOSTS.replace("confirm: false", "confirm: true"),
        "roles/greeting/defaults.yml": "# What hosts say\ntext: hello\n",
        "roles/greeting/settings.py": SETTINGS,
        "roles/greeting/steps.py": STEPS,
        "templates/greeting/motd": "We say @",
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def surroundings(folder: Path) -> dict[str, str]:
    """An environment for child processes in which nothing of the caller's shows; what one's start keeps, the next may use."""
    cache = REPOSITORY / "build" / "cache"
    given = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_CACHE_HOME": str(cache)}
    given |= {name: os.environ[name] for name in ("WINDLASS_LAB_CACHE",) if name in os.environ}  # where the tests' labs are
    return given | {"PYTHONPATH": str(REPOSITORY), "LANG": "C.UTF-8"}


def run_tasks(folder: Path, *words: str, given: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    """The real program in the project's folder, with more environment variables; `given` is its standard input."""
    return warm_start.start(words, folder, surroundings(folder) | more, given)
