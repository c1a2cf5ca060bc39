"""Programs that may run for hours and must not outlive the wish for them."""

from __future__ import annotations

import subprocess
import threading
import time
from types import TracebackType
from typing import Dict, List, Optional, Sequence, Tuple, Type, Union

from windlass.agent.core import listening, process
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import OperationError

LOOK_EVERY = 0.2  # seconds


class Guard:
    """Ends everything it watches when the controller goes away or has had enough, past a limit, and when the block is left.

    why        which of these it was, empty while all is well
    carriers   threads that read from and write to the programs
    """

    def __init__(self, context: Context, limit: float) -> None:
        self.context = context
        self.why = ""
        self.carriers: List[threading.Thread] = []
        self._deadline = time.monotonic() + limit
        self._limit = limit
        self._watched: "List[subprocess.Popen[bytes]]" = []
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Guard":
        self._thread.start()
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]) -> None:
        self._over.set()
        self._thread.join()
        self._end_all()
        for carrier in self.carriers:
            carrier.join()  # its pipes have ended, and so does it
        for program in self._watched:
            _close_pipes(program)

    def start(
        self,
        arguments: Sequence[str],
        user: str = "",
        extra: Optional[Dict[str, str]] = None,
        folder: str = "/",
        pipes: Tuple[int, int, int] = process.CAPTURED,
    ) -> "subprocess.Popen[bytes]":
        """Start a program under this guard. Raises OperationError when there is no such program or it is too late for it."""
        with self._lock:
            self.check()
            started = process.start(arguments, user, extra, folder, pipes)
            self._watched.append(started)
        return started

    def run(
        self,
        arguments: Sequence[str],
        user: str = "",
        extra: Optional[Dict[str, str]] = None,
        give: Union[bytes, str, None] = None,
    ) -> process.Completed:
        """Run a program to its end under this guard. Raises OperationError if it fails, with its last lines."""
        pipes = process.CAPTURED if give is None else (subprocess.PIPE, subprocess.PIPE, subprocess.PIPE)
        started = self.start(arguments, user, extra, "/", pipes)
        output, errors = listening.communicate(started, give.encode() if isinstance(give, str) else give)
        self.check()
        completed = process.Completed(arguments, started.returncode, output or b"", errors or b"")
        if completed.status != 0:
            raise OperationError("%s ended with status %d" % (arguments[0], completed.status), last_lines=completed.last_lines())
        return completed

    def check(self) -> None:
        """Raises OperationError if there is no time or no wish left."""
        if self.why:
            raise OperationError(self.why)

    def _watch(self) -> None:
        while not self._over.wait(LOOK_EVERY):
            why = self._reason()
            if why:
                with self._lock:
                    self.why = why
                self._end_all()
                return

    def _reason(self) -> str:
        if self.context.gone.is_set():
            return "the controller went away"
        if self.context.cancelled.is_set():
            return "interrupted"
        return "it took longer than %g s and was ended" % self._limit if time.monotonic() > self._deadline else ""

    def _end_all(self) -> None:
        for program in self._watched:
            if program.poll() is None:
                process.end(program)


def _close_pipes(program: "subprocess.Popen[bytes]") -> None:
    """Let go of what is left of a program that has ended."""
    for pipe in (program.stdin, program.stdout, program.stderr):
        try:
            if pipe is not None:
                pipe.close()
        except BrokenPipeError:  # something was still waiting to be written to it
            pass
