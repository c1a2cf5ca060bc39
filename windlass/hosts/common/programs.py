"""Programs of this machine that carry a connection. One may be started before all that will use it is loaded."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Sequence
from typing import Final

PARTING: Final = 5.0  # seconds that they have for our last words

_ahead: dict[tuple[str, ...], subprocess.Popen[bytes]] = {}


def start_ahead(words: Sequence[str]) -> None:
    """Whoever wants to start the very same words takes this over. Raises OSError as `start` does."""
    _ahead[tuple(words)] = _started(words)


def start(words: Sequence[str]) -> subprocess.Popen[bytes]:
    """With pipes to all that it reads and writes. Raises OSError where there is no such program."""
    return _ahead.pop(tuple(words), None) or _started(words)


def end_what_nobody_took() -> None:
    """To read nothing any more ends them."""
    while _ahead:
        process = _ahead.popitem()[1]
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe:
                pipe.close()


def _started(words: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        list(words),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # a Ctrl-C is the controller's to deal with
    )


def let_end(process: subprocess.Popen[bytes]) -> None:
    """It has to carry our goodbye, and ends when the agent has. Ended at once, it would leave an agent that waits for us."""
    threading.Thread(target=_reap, args=(process,), name="a program ends", daemon=True).start()


def _reap(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(PARTING)
    except subprocess.TimeoutExpired:
        process.terminate()
        process.wait()
