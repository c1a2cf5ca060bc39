"""A Python that this machine may not have, as Debian packages it: unpacked with all its libraries into the lab's cache, and no part
of the system."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from windlass.lab import folders, surroundings

NEWEST, SUITE = "3.14", "sid"
PLACE = f"test-python-{NEWEST}"
OUT_OF_DATE = 'Acquire::Check-Valid-Until "false"'  # a mirror that is a week behind will do
LIMIT = 600.0  # seconds for some twenty packages
# Its own loader, with its own C library; what it starts in turn gets this machine's.
PROGRAM = """\
#!/bin/sh
exec {loader} --argv0 "$0" --library-path {libraries} {root}/usr/bin/python{version} "$@"
"""


def newest() -> Path:
    """The newest Python that the agent is to run on, fetched once for this machine; needs root. Skips where Debian has it not."""
    place = folders.cache() / PLACE
    with folders.locked(PLACE, lambda _line: None):
        if not place.exists():
            partial = place.with_name(f"{PLACE}.partial")
            folders.remove_tree(partial)
            _unpack(partial)
            loader = next(partial.glob("usr/lib/*/ld-linux*.so*"))
            where = {"loader": place / loader.relative_to(partial), "libraries": place / loader.parent.relative_to(partial)}
            program = partial / "usr/bin/python3"
            program.write_text(PROGRAM.format(root=place, version=NEWEST, **where))
            program.chmod(0o755)
            partial.rename(place)
    return place / "usr/bin/python3"


def _unpack(target: Path) -> None:
    """Its packages and those that they need, from where this machine has its own."""
    mirror = next((line.split()[1] for line in surroundings.apt_sources().splitlines() if line.startswith("URIs:")), "")
    words = [
        "mmdebstrap",
        "--mode=root",
        "--format=directory",
        "--variant=extract",
        f"--include=python{NEWEST}",
        f"--aptopt={OUT_OF_DATE}",
    ]
    source = [f"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] {mirror} {SUITE} main"] if mirror else []
    done = subprocess.run(
        [*words, SUITE, str(target), *source], capture_output=True, text=True, timeout=LIMIT, check=False, cwd="/"
    )
    if done.returncode:
        folders.remove_tree(target)
        pytest.skip(f"Debian's Python {NEWEST} cannot be had here: {' / '.join(done.stderr.splitlines()[-3:])}")
