"""What a build depends on besides the code, for each language that applications are written in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from windlass.inventory import NpmSource

if TYPE_CHECKING:
    from windlass.inventory import Application, Environment

# What the dependencies of a lockfile differ by: compiled parts fit one version of Python, on one kind of machine.
_PYTHON = "import sys, sysconfig; print(sys.version, sysconfig.get_platform())"

# Give a release the host's own interpreter. Compiled parts of the dependencies, and their folder, are for one version of Python.
JOIN_PYTHON = """
[ -f .venv/pyvenv.cfg ] || exit 0
found=$(command -v "$1") || { echo "this host has no $1; the role python brings it" >&2; exit 1; }
ln -sfn "$found" .venv/bin/python
sed -i "s|^home *=.*|home = $(dirname "$found")|" .venv/pyvenv.cfg
built=$(sed -n 's/^version\\(_info\\)\\{0,1\\} *= *\\([0-9]*\\.[0-9]*\\).*/\\2/p' .venv/pyvenv.cfg)
here=$(.venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>&1) || true
[ "$built" = "$here" ] || { echo "the release was built with Python $built, and what this host has is: $here" >&2; exit 1; }
"""


def toolchain(environment: Environment, application: Application, host: str, facts: Mapping[str, Any]) -> str:
    """With what an artefact is built on a host, as far as that is known without asking it."""
    roles = environment.roles_of(host)
    if application.runtime == "python":
        minor = ".".join(str(facts.get("python", "")).split(".")[:2])
        return f"python {minor} {facts.get('machine', '')} {interpreter(environment, host)}"
    node = environment.settings(host, "nodejs") if "nodejs" in roles else None
    return f"node {getattr(node, 'version', '')}"


def interpreter(environment: Environment, host: str) -> str:
    """The Python that applications of a host run on."""
    settings = environment.settings(host, "python") if "python" in environment.roles_of(host) else None
    return str(getattr(settings, "interpreter", "python3"))


def recipe(environment: Environment, application: Application, host: str) -> dict[str, Any]:
    """How it is built on a host. A published package needs no building, only its dependencies."""
    if isinstance(application.source, NpmSource):
        return {"install": "npm install --omit=dev --no-audit --no-fund", "lockfile": "package.json", "commands": ()}
    build = application.build
    told = {"install": build.install, "lockfile": build.lockfile, "commands": build.commands, "prune": build.prune}
    if application.runtime == "node":
        return told
    python = interpreter(environment, host)
    return {**told, "venv": python, "toolchain": (f'{python} -c "{_PYTHON}"',)}
