"""The real program in a process of its own that need not read its libraries: it is forked from one that has.

Most of what a short command takes is reading them, and the tests begin it a hundred times. That a start from nothing goes well, and
what it reads, is for `test_start` and for the tests that begin a Python of their own.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

WARM = multiprocessing.get_context("forkserver")
WARM.set_forkserver_preload(
    [
        "windlass.tasks.program",  # first: it says how the others are read
        "windlass.tasks.running",
        "windlass.flows.workspace",
        "windlass.flows.setup",
        "windlass.hosts.by_paramiko.connection",
        "tests.unit.warm_start",
    ]
)


def start(words: Sequence[str], folder: Path, surroundings: Mapping[str, str], given: str) -> subprocess.CompletedProcess[str]:
    """`windlass WORDS` in the folder, with these environment variables and no others, and `given` on standard input."""
    with tempfile.TemporaryDirectory() as place:
        streams = [Path(place, name) for name in ("input", "output", "errors")]
        streams[0].write_text(given)
        process = WARM.Process(target=_be_the_program, args=(words, folder, surroundings, streams))
        process.start()
        process.join()
        output, errors = (each.read_text() for each in streams[1:])
        code = process.exitcode
        process.close()
    assert code is not None
    return subprocess.CompletedProcess(list(words), code, output, errors)


def _be_the_program(words: Sequence[str], folder: Path, surroundings: Mapping[str, str], streams: Sequence[Path]) -> None:
    """In the forked process, which is as good as new: what a start of Python would have been given, and then the program."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(surroundings)
    for number, path in enumerate(streams):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin = open(0, encoding="utf-8", errors="surrogateescape")  # noqa: SIM115 - they last as long as the process
    sys.stdout = open(1, "w", encoding="utf-8", errors="surrogateescape")  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115
    from windlass.tasks import program  # noqa: PLC0415 - it is there already

    sys.argv = [str(program.__file__), *words]
    program.command()
