"""The checksum of what is written, computed beside the writing: a large file takes the longer of both, not their sum."""

from __future__ import annotations

import hashlib
import queue
import threading
from types import TracebackType
from typing import Any, Optional, Type

from windlass.agent.core.frames import Bytes

WORTHWHILE = 64 * 1024  # bytes of a piece: a shorter one is hashed sooner than handed over
WAITING = 8  # pieces that may wait to be hashed


class Checksum:
    """Takes pieces in order, for a digest: SHA-256 if none is given. Nobody may change a piece that was taken. Leaving it ends its
    thread, whatever has happened."""

    def __init__(self, digest: Any = None) -> None:
        self._digest = hashlib.sha256() if digest is None else digest
        self._pieces: "queue.Queue[Optional[Bytes]]" = queue.Queue(WAITING)
        self._worker: Optional[threading.Thread] = None

    def __enter__(self) -> Checksum:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]) -> None:
        self._end()

    def take(self, piece: Bytes) -> None:
        """One more piece."""
        if self._worker is None and len(piece) < WORTHWHILE:
            self._digest.update(piece)
            return
        if self._worker is None:
            self._worker = threading.Thread(target=self._work, daemon=True)
            self._worker.start()
        self._pieces.put(piece)

    def hexdigest(self) -> str:
        """Of all pieces; none may follow."""
        self._end()
        return str(self._digest.hexdigest())

    def _work(self) -> None:
        while True:
            piece = self._pieces.get()
            if piece is None:
                return
            self._digest.update(piece)

    def _end(self) -> None:
        if self._worker is not None and self._worker.is_alive():
            self._pieces.put(None)
            self._worker.join()
