"""Servers that speak S3, each a program of its own: moto's (Python) and s3rver (Node.js), which also checks signatures.

s3rver knows neither how to give an upload up nor how to list those that were begun.
"""

from __future__ import annotations

import contextlib
import functools
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.npm import node, npm
from tests.ports import reserved
from windlass.lab import folders
from windlass.stores.s3 import Bucket
from windlass.values import Secret

BUCKET = "acme"
KEY = "S3RVER"  # the one that s3rver knows
ANYWHERE = "0.0.0.0"  # noqa: S104 - hosts of the lab come here
KINDS = ("moto", "s3rver")


@contextlib.contextmanager
def bucket_at(endpoint: str) -> Iterator[Bucket]:
    """The bucket, until its connections are closed."""
    bucket = Bucket(BUCKET, Secret(KEY), Secret(KEY), endpoint)
    try:
        yield bucket
    finally:
        bucket.client.close()


@contextlib.contextmanager
def server(kind: str, folder: Path) -> Iterator[int]:
    """The port of a server with an empty bucket, on all addresses of this machine."""
    with reserved(ANYWHERE) as port:
        yield from _serving(kind, folder, port)


def _serving(kind: str, folder: Path, port: int) -> Iterator[int]:
    if kind == "moto":
        command: Sequence[str] = [sys.executable, "-m", "moto.server", "-H", ANYWHERE, "-p", str(port)]
    else:
        script = str(_s3rver() / "node_modules" / "s3rver" / "bin" / "s3rver.js")
        command = [node(), script, "-d", str(folder), "-a", ANYWHERE, "-p", str(port), "--configure-bucket", BUCKET]
    with (folder / f"{kind}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _wait_for(port, process)
        if kind == "moto":
            with bucket_at(f"http://127.0.0.1:{port}") as bucket:
                bucket.client.create_bucket(Bucket=BUCKET)
        yield port
    finally:
        process.kill()
        process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _attempt in range(600):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert process.poll() is None, "the server ended"
        time.sleep(0.05)
    raise AssertionError("the server does not listen")


@functools.cache
def _s3rver() -> Path:
    """Its folder; npm fetches it once for this machine."""
    place = folders.cache() / "test-s3rver-3.7.1"
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = place.with_name(f"{place.name}.{os.getpid()}")
        draft.mkdir()
        install = [*npm(), "install", "--silent", "--no-fund", "--no-audit", "--ignore-scripts", "s3rver@3.7.1"]
        subprocess.run(install, cwd=draft, check=True, timeout=300)
        with contextlib.suppress(OSError):  # somebody else was faster
            draft.rename(place)
    return place
