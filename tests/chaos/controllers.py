"""`setup` of both hosts by a controller that can be broken in the middle: each host waits there until it is let go."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.lab.conftest import TestHost
from tests.unit.sample_project import REPOSITORY, surroundings, write_project

STEPS = """\
from windlass.operations.command import Run
from windlass.operations.file import File


def steps(host, settings):
    text = host.template("greeting/motd").replace("@", settings.text)
    last = (host.environment.project / "last").read_text()
    return [
        File(path="/root/chaos/before", content=text),
        Run(command="echo one >> /root/chaos/ran"),
        Run(
            command="echo two >> /root/chaos/ran; while ! test -e /root/chaos/go; do sleep 0.1; done",
            creates="/root/chaos/go",
        ),
        Run(command=f"echo {last} >> /root/chaos/ran"),
        File(path="/root/chaos/after", content=text),
    ]
"""
Invoke = Callable[..., "subprocess.Popen[str]"]


def controller(hosts: dict[str, TestHost], folder: Path) -> Invoke:
    """`invoke("--resume", run)` begins `setup` of both hosts; further words by name are its environment, but for the one of the
    inventory (`env`: staging, or production, which has the same hosts) and for the checkout of Windlass (`checkout`)."""
    project = write_project(folder)
    target = hosts["broken"].target
    entries = "".join(f"  {name}: {{address: {host.target.address}}}\n" for name, host in hosts.items())
    environment = f"environment: {{user: {target.user}, confirm: false, known_hosts: {target.known_hosts}}}\n"
    groups = "groups:\n  all: {roles: [greeting], variables: {greeting: {text: old}}}\n"
    for name in ("staging", "production"):
        (project / f"inventories/{name}/hosts.yml").write_text(f"{environment}hosts:\n{entries}{groups}")
    (project / "roles/greeting/steps.py").write_text(STEPS)
    (project / "last").write_text("three")
    (project / ".ssh").mkdir()
    (project / ".ssh/config").write_text(f"Host *\n IdentityFile {target.private_key}\n")

    def begin(*words: str, env: str = "staging", checkout: Path = REPOSITORY, **more: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "invoke", "--search-root", str(checkout), "setup", "--env", env, *words]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        around = surroundings(project) | {"PYTHONPATH": str(checkout)} | more
        return subprocess.Popen(command, cwd=project, env=around, text=True, start_new_session=True, **pipes)  # type: ignore[call-overload,no-any-return]

    return begin


def run_of(tmp_path: Path) -> str:
    """The one run that was begun there."""
    (path,) = (tmp_path / ".windlass/resume").glob("*.json")
    return path.stem
