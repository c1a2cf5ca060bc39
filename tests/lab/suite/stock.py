"""Hosts that have the packages of roles, and bare ones: one of each kind is made once and saved, and others begin as it.

All of them know few packages (short_lists.py).
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.lab.suite.short_lists import shorten
from windlass import lab
from windlass.flows.setup import SetupResult, setup
from windlass.flows.twin import lab_spec, labs_folder
from windlass.flows.workspace import Workspace, load_environment, open_workspace
from windlass.hosts.many.fleet import errors_of
from windlass.inventory import Host
from windlass.lab.folders import locked
from windlass.operations.operation import Operation
from windlass.operations.package import Package
from windlass.operations.wire import Batch
from windlass.testing.recording import operations_of
from windlass.values import Command

HERE = Path(__file__).parent
TOP = HERE.parent.parent.parent
# app: nginx, Node and PM2; data: nginx, certbot, PostgreSQL, Redis, Python's venv; edge: nginx, Redis; bare: nothing of all that
INVENTORY = HERE / "kinds"
CERTBOT = ("/etc/windlass", "/opt/certbot", "/etc/windlass/certbot.txt")  # what has to be there before it is installed
NAME = f"stock{hashlib.sha256(str(TOP).encode()).hexdigest()[:4]}"  # each checkout has its own


def furnished(spec: lab.LabSpec, root: Path, kinds: Mapping[str, str]) -> lab.Lab:
    """The lab. Each host begins as one of the kind that is named for it, and bare if none is."""
    kept = _in_stock()
    return lab.up(spec, root=root, source=kept.name, of=kept.lab, like=kinds, say=silent)


def fingerprint() -> str:
    """Of all that shapes the kinds: what was made from something else is stale."""
    digest = hashlib.sha256((HERE / "short_lists.py").read_bytes())
    shaping = (TOP / folder for folder in ("roles", "templates", "windlass/agent", "windlass/operations", "windlass/plans"))
    for folder in (*shaping, INVENTORY):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _in_stock() -> lab.Snapshot:
    """The saved hosts, made by whoever needs them first while all others wait."""
    mark = fingerprint()
    with locked(f"shelf-{mark}", silent):
        return lab.saved_as(mark) or _made(mark)


def _made(mark: str) -> lab.Snapshot:
    with tempfile.TemporaryDirectory(prefix="windlass-stock-") as name:
        folder = Path(name)
        shutil.copytree(INVENTORY, folder / "inventories" / NAME)
        root = labs_folder(folder)
        try:
            running = lab.up(lab_spec(load_environment(folder, NAME)), root=root, say=silent)
            _provide(folder, running)
            for host in running.hosts.values():  # who begins as this one is somebody else
                lab.run_inside(host, Command.of("truncate", "--size=0", "/etc/machine-id"))
            return lab.save(running, "kinds", fingerprint=mark, say=silent)
        finally:
            lab.down(NAME, root=root, say=silent)


def _provide(folder: Path, running: lab.Lab) -> None:
    """Node and PM2, and what else takes long and knows no addresses."""
    workspace = open_workspace(folder, NAME, lab=True)
    hosts = workspace.hosts("furnished")
    packages = (each for host in hosts for each in _wanted(workspace, host) if isinstance(each, Package))
    shorten(running.hosts, (name.partition("=")[0] for each in packages for name in each.names))
    finish(setup(workspace, hosts, roles=("base", "nodejs")))
    with workspace.fleet(hosts) as fleet:
        outcomes = fleet.run({host.name: Batch(_slow(workspace, host)) for host in hosts})
    assert not errors_of(outcomes), outcomes


def _slow(workspace: Workspace, host: Host) -> tuple[Operation, ...]:
    """The packages of Debian that its roles want, and certbot."""
    return tuple(
        each
        for each in _wanted(workspace, host)
        if isinstance(each, Package) or getattr(each, "path", "") in CERTBOT or getattr(each, "name", "").startswith("certbot")
    )


def _wanted(workspace: Workspace, host: Host) -> tuple[Operation, ...]:
    """What its roles want, but for that of Node, which comes from npm."""
    roles = [role for role in workspace.environment.roles_of(host) if role != "nodejs"]
    return operations_of(workspace.project, NAME, host.name, roles=roles)


def finish(result: SetupResult) -> None:
    """Raises what went wrong."""
    if error := result.error():
        raise error


def silent(_line: str) -> None:
    """Tests read results, not progress."""
