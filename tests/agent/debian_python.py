"""Pythons that this machine may not have, as Debian packages them: unpacked with all their libraries into the lab's cache, and no
part of the system."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from windlass.lab import folders, surroundings

LIMIT = 600.0  # seconds for some twenty packages
OUT_OF_DATE = 'Acquire::Check-Valid-Until "false"'  # a mirror that is a week behind will do
# Its own loader, with its own C library; what it starts in turn gets this machine's.
PROGRAM = """\
#!/bin/sh
exec {loader} {name} --library-path {libraries} {root}/usr/bin/python{version} "$@"
"""


@dataclass(frozen=True)
class Debian:
    """A version of Python, the release that has it, and whether its loader can call a program by another name: then a copy of the
    program may have a library of its own, as `python3-minimal` has."""

    version: tuple[int, int]
    suite: str
    names: bool

    @property
    def said(self) -> str:
        """As people write it."""
        return "{}.{}".format(*self.version)

    @property
    def place(self) -> Path:
        """Where it is, or will be."""
        return folders.cache() / f"test-python-{self.said}"

    @property
    def program(self) -> Path:
        """What to start."""
        return self.place / "usr/bin/python3"


OLD, NEW = Debian((3, 9), "bullseye", names=False), Debian((3, 14), "sid", names=True)


def fetched(python: Debian) -> Path:
    """Its program, fetched once for this machine; needs root. Skips where it cannot be had."""
    with folders.locked(python.place.name, lambda _line: None):
        if not python.place.exists():
            partial = python.place.with_name(f"{python.place.name}.partial")
            folders.remove_tree(partial)
            _unpack(python, partial)
            _make_program(python, partial)
            partial.rename(python.place)
    return python.program


def _make_program(python: Debian, folder: Path) -> None:
    loader = next(
        each.relative_to(folder) for pattern in ("lib/*", "usr/lib/*") for each in folder.glob(f"{pattern}/ld-linux*.so*")
    )
    places = [python.place / part / loader.parent.name for part in ("lib", "usr/lib")]
    words = {"name": '--argv0 "$0"' if python.names else "", "libraries": ":".join(map(str, places))}
    program = folder / "usr/bin/python3"
    program.unlink(missing_ok=True)
    program.write_text(PROGRAM.format(loader=python.place / loader, root=python.place, version=python.said, **words))
    program.chmod(0o755)


def _unpack(python: Debian, target: Path) -> None:
    """Its packages and those that they need, from where this machine has its own."""
    mirror = next((line.split()[1] for line in surroundings.apt_sources().splitlines() if line.startswith("URIs:")), "")
    words = ["mmdebstrap", "--mode=root", "--format=directory", "--variant=extract", f"--aptopt={OUT_OF_DATE}"]
    source = [f"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] {mirror} {python.suite} main"] if mirror else []
    words += [f"--include=python{python.said}", python.suite, str(target), *source]
    done = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT, check=False, cwd="/")
    if done.returncode:
        folders.remove_tree(target)
        pytest.skip(f"Debian's Python {python.said} cannot be had here: {' / '.join(done.stderr.splitlines()[-3:])}")
