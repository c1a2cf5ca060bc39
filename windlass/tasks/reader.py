"""A reader of our output who has seen enough (`invoke --list | head`): Invoke would end with a traceback."""

from __future__ import annotations

import atexit
import os
import sys
from types import TracebackType


def may_leave() -> None:
    """From now on nobody is told that the reader is gone, in whatever program runs our tasks."""
    usual = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not isinstance(error, BrokenPipeError):
            usual(kind, error, trace)
            return
        sys.stderr.flush()
        os._exit(0)  # a hook cannot change the exit code, and there is nothing to be done but to write what nobody reads

    sys.excepthook = hook
    atexit.register(_last_words)


def _last_words() -> None:
    """Python writes what it still holds back when all is over, and complains then."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        stop_telling()


def stop_telling() -> None:
    """What is still to be said goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
