"""A Dask cluster on this machine: a scheduler and two workers, over TLS with an authority of its own or over plain TCP."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import dask

from windlass.errors import UsageError
from windlass.hosts.many.dask_workers import DaskWorkers
from windlass.lab.authority import certificate_for

Protocol = Literal["tcp", "tls"]
REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Cluster:
    """`url` is what `--executor` takes; the workers are processes of this machine."""

    url: str
    workers: tuple[subprocess.Popen[bytes], ...]


@contextmanager
def dask_cluster(folder: Path, protocol: Protocol) -> Iterator[Cluster]:
    """It is there for as long as the block lasts, and Dask here is configured for it."""
    settings = _certificates(folder) if protocol == "tls" else {}
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"{protocol}://127.0.0.1:{free.getsockname()[1]}"
    running: list[subprocess.Popen[bytes]] = []
    with dask.config.set(settings):
        try:
            running.append(
                _program(folder, settings, "dask_scheduler", "--port", address.rpartition(":")[2], "--protocol", protocol)
            )
            running += [_program(folder, settings, "dask_worker", address, "--no-nanny", "--nthreads", "2") for _ in range(2)]
            url = address if protocol == "tls" else address.replace("tcp", "dask")
            _wait_for(lambda: _two_workers(url))
            yield Cluster(url, tuple(running[1:]))
        finally:
            for process in running:
                process.kill()
                process.wait()


def _certificates(folder: Path) -> dict[str, str]:
    """Dask's settings for TLS: all speak to nobody whom this authority does not know."""
    for name, text in zip(("authority", "certificate", "key"), certificate_for("dask"), strict=True):
        (folder / f"{name}.pem").write_text(text)
    own = {"cert": f"{folder}/certificate.pem", "key": f"{folder}/key.pem"}
    settings = {f"{who}.{what}": path for who in ("scheduler", "worker", "client") for what, path in own.items()}
    settings["ca-file"] = f"{folder}/authority.pem"
    return {f"distributed.comm.tls.{name}": value for name, value in settings.items()}


def _program(folder: Path, settings: dict[str, str], program: str, *words: str) -> subprocess.Popen[bytes]:
    """Programs of Dask's are told its settings as its users do it: by their surroundings."""
    settings = {**settings, "distributed.worker.profile.enabled": "False"}  # it can stop a whole worker for good: docs/scale.md
    told = {f"DASK_{name.replace('.', '__').replace('-', '_').upper()}": value for name, value in settings.items()}
    return subprocess.Popen(
        [sys.executable, "-m", f"distributed.cli.{program}", *words, "--host", "127.0.0.1", "--no-dashboard"],
        cwd=folder,
        env={**os.environ, **told, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _two_workers(url: str) -> None:
    with closing(DaskWorkers(url)) as workers:
        assert workers.workers == 2


def _wait_for(attempt: Callable[[], None]) -> None:
    """Try until it does not fail any more, for a minute."""
    deadline = time.monotonic() + 300
    while True:
        try:
            return attempt()
        except (OSError, AssertionError, UsageError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
