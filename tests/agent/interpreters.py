"""The Pythons of this machine that the agent has to run on, and each of them without what python3-minimal lacks."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.agent.debian_python import NEW
from windlass.agent.core.loader import SPARE_MODULES
from windlass.hosts.channel import Channel
from windlass.hosts.common.target import Target
from windlass.testing.local import LocalSession

OLDEST = (3, 8)
PLACES = (
    "/usr/bin/python3",
    "/usr/local/bin/python3",
    "~/.pyenv/versions/*/bin/python3",
    "/opt/python*/bin/python3",
    str(NEW.program),
)
COMPILED = ("_json", "resource")  # parts in C that come with the standard library, not with the interpreter


@dataclass(frozen=True)
class Interpreter:
    """One Python: where it is, and where its standard library is."""

    version: tuple[int, int]
    executable: Path
    library: Path


@cache
def interpreters() -> tuple[Interpreter, ...]:
    """One of each version that there is."""
    found: dict[tuple[int, int], Interpreter] = {}
    for place in PLACES:
        for path in sorted(Path("/").glob(str(Path(place).expanduser())[1:])):
            if (each := interpreter_at(path)) and each.version >= OLDEST:
                found.setdefault(each.version, each)
    return tuple(found[version] for version in sorted(found))


def interpreter_at(path: Path) -> Interpreter | None:
    """What a Python says of itself; None for what is no Python."""
    asked = "import os, sys; print(*sys.version_info[:2], sys.executable, os.path.dirname(os.__file__))"
    said = subprocess.run([path, "-I", "-S", "-c", asked], capture_output=True, text=True, check=False).stdout.split()
    return Interpreter((int(said[0]), int(said[1])), Path(said[2]).resolve(), Path(said[3])) if len(said) == 4 else None


def channel_with(interpreter: Interpreter, folder: Path, *, minimal: bool = False) -> Channel:
    """The agent on this machine under one Python, which `folder` makes the first in PATH."""
    place = folder / "bin"
    place.mkdir()
    if minimal:
        _minimal(interpreter, folder)
    else:
        (place / "python3").symlink_to(interpreter.executable)

    def opener(target: Target, command: str) -> LocalSession:
        return LocalSession(target, f"PATH={place}:$PATH; export PATH; {command}")

    return Channel(Target(name="here", address="127.0.0.1", sudo=False), opener=opener)


def _minimal(interpreter: Interpreter, folder: Path) -> None:
    """A copy of the interpreter finds its standard library beside itself: links to all but what python3-minimal lacks."""
    program = (folder / "bin" / "python3").resolve()
    program.write_bytes(interpreter.executable.read_bytes())
    program.chmod(0o755)
    library = folder / "lib" / interpreter.library.name
    (library / "lib-dynload").mkdir(parents=True)
    lacking = {*SPARE_MODULES, *(f"{name}.py" for name in SPARE_MODULES), "lib-dynload", "__pycache__"}
    for path in interpreter.library.iterdir():
        if path.name not in lacking:
            (library / path.name).symlink_to(path)
    for path in (interpreter.library / "lib-dynload").iterdir():
        if path.name.split(".")[0] not in COMPILED:
            (library / "lib-dynload" / path.name).symlink_to(path)
