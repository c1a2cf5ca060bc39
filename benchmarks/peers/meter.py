"""Runs a command and says what it cost the controller: wall time, processor time and memory of it and all that it started.

The command runs below a process of its own that inherits orphans (PR_SET_CHILD_SUBREAPER), so what leaves its parent, as
ssh's masters do, is counted as well: when the command has ended, what is left of it is ended, and the kernel adds up.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import subprocess
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PR_SET_CHILD_SUBREAPER = 36
LIMIT = 1200  # seconds
# Without compiled files every start of a Python program takes longer than it does for anybody else.
FALSIFYING = ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "VIRTUAL_ENV")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A command as a person types it, where, and with what in its environment."""

    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a command cost. `mebibytes` is the peak of the sum of its processes (PSS), where that was looked at.

    `others` are the processor seconds that this machine spent meanwhile on all else: where nothing else runs, that is the hosts.
    """

    status: int
    seconds: float
    processor: float
    mebibytes: float = 0.0
    others: float = 0.0
    output: str = ""


def measure(job: Job, *, sample: float = 0.0) -> Cost:
    """Run it and wait for it; with `sample`, look at its memory every so many seconds, which costs some time of its own."""
    reader, writer = os.pipe()
    with tempfile.TemporaryFile("w+b") as output:
        child = os.fork()
        if not child:
            _below(job, sample, output.fileno(), writer)
        os.close(writer)
        with os.fdopen(reader, encoding="utf-8") as answer:
            told: dict[str, Any] = json.loads(answer.read() or "{}")
        os.waitpid(child, 0)
        output.seek(0)
        text = output.read().decode("utf-8", "replace")
    return Cost(output=text, **(told or {"status": -1, "seconds": 0.0, "processor": 0.0}))


def _below(job: Job, sample: float, output: int, writer: int) -> None:
    """The process in between; never returns."""
    try:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        told = _run(job, sample, output)
        os.write(writer, json.dumps(told).encode())
    except BaseException:
        os.write(output, traceback.format_exc().encode())
    finally:
        os._exit(0)


def _run(job: Job, sample: float, output: int) -> dict[str, float]:
    environment = {name: text for name, text in os.environ.items() if name not in FALSIFYING} | dict(job.environment)
    peak, over = [0.0], threading.Event()
    if sample:
        threading.Thread(target=_watch, args=(sample, peak, over), daemon=True).start()
    began, busy = time.perf_counter(), _busy()
    process = subprocess.Popen(job.command, cwd=job.folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        status = process.wait(LIMIT) if sample else _wait(process)
    except subprocess.TimeoutExpired:
        status = -1
    seconds = time.perf_counter() - began
    over.set()
    _end_rest()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = used.ru_utime + used.ru_stime
    others = max(_busy() - busy - processor, 0.0)
    return {"status": status, "seconds": seconds, "processor": processor, "mebibytes": round(peak[0], 1), "others": others}


def _busy() -> float:
    """Processor seconds that this machine has spent since it started: user, nice, system, interrupts; not idle, not waiting."""
    user, nice, system, _idle, _waiting, interrupts, soft, *_ = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    )
    return (user + nice + system + interrupts + soft) / os.sysconf("SC_CLK_TCK")


def _wait(process: subprocess.Popen[bytes]) -> int:
    """Wait without Python's ticks of 50 ms; the alarm ends what never ends."""
    timer = threading.Timer(LIMIT, process.kill)
    timer.start()
    try:
        return process.wait()
    finally:
        timer.cancel()


def _end_rest() -> None:
    """End what the command left behind, and wait for it, so that its processor time counts."""
    with contextlib.suppress(ChildProcessError):
        while True:
            for child in _children(os.getpid()):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            os.waitpid(-1, 0)


def _children(parent: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{parent}/task").iterdir():
        with contextlib.suppress(OSError):  # a thread that has ended meanwhile
            found += [int(word) for word in (task / "children").read_text().split()]
    return found


def _watch(every: float, peak: list[float], over: threading.Event) -> None:
    while not over.wait(every):
        peak[0] = max(peak[0], sum(_mebibytes(each) for each in _descendants(os.getpid())))


def _descendants(parent: int) -> list[int]:
    found = []
    with contextlib.suppress(OSError):
        for child in _children(parent):
            found += [child, *_descendants(child)]
    return found


def _mebibytes(process: int) -> float:
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in text.splitlines() if line.startswith("Pss:")), 0.0)
