"""Programs of this machine that carry a connection."""

from __future__ import annotations

import subprocess
import threading
from typing import Final

PARTING: Final = 5.0  # seconds that they have for our last words


def let_end(process: subprocess.Popen[bytes]) -> None:
    """It has to carry our goodbye, and ends when the agent has. Ended at once, it would leave an agent that waits for us."""
    threading.Thread(target=_reap, args=(process,), name="a program ends", daemon=True).start()


def _reap(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(PARTING)
    except subprocess.TimeoutExpired:
        process.terminate()
        process.wait()
