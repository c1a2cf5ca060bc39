"""How many events a second a parent takes in that its worker processes tell: through a pipe, into books, log and history.

    .venv/bin/python -m benchmarks.intake

Two workers tell of 1,000 hosts with 25 operations each, two events an operation, as fast as they can; no host is involved.
"""

from __future__ import annotations

import itertools
import multiprocessing
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from benchmarks.figures import merge
from windlass import events
from windlass.history.database import RunRow
from windlass.history.record import Record

FIGURES = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.json"
HOSTS, OPERATIONS, WORKERS = 1000, 25, 2


def told(worker: int) -> Iterator[events.Event]:
    """What one worker tells of its hosts."""
    for number, operation in itertools.product(range(worker, HOSTS, WORKERS), range(OPERATIONS)):
        host, title = f"web{number}", f"file /etc/app/{operation}.conf"
        yield events.OperationStarted(host, title, operation, OPERATIONS)
        yield events.OperationEnded(host, title, "ok", 0.001)


def tell(pipe: Connection[Any, Any], worker: int) -> None:
    for event in told(worker):
        pipe.send(event)
    pipe.send(None)


def taken_in() -> int:
    """Events a second."""
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="windlass-intake-") as folder:
        record = Record(Path(folder), RunRow(run="bench", task="setup", environment="bench"))
        pipes = [spawn.Pipe(duplex=False) for _ in range(WORKERS)]
        workers = [spawn.Process(target=tell, args=(ours, number)) for number, (_, ours) in enumerate(pipes)]
        for worker in workers:
            worker.start()
        readers = [pipe for pipe, _ in pipes]
        first = readers[0].recv()
        began, count, left = time.perf_counter(), 1, list(readers)
        record(first)
        while left:
            for reader in wait(left):
                assert isinstance(reader, Connection)
                event = reader.recv()
                count += 1
                record(event) if event else left.remove(reader)
        seconds = time.perf_counter() - began
        for worker in workers:
            worker.join()
    return round((count - WORKERS) / seconds)


def main() -> None:
    found = sorted(taken_in() for _ in range(3))[1]
    print(f"{found} events a second")
    merge(FIGURES, {"events_a_second": found})


if __name__ == "__main__":
    main()
