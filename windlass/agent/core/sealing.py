"""Encrypting what leaves this host, to people whose private keys it does not have, and reading it once more before that."""

from __future__ import annotations

import hashlib
import shutil
from typing import Any, Dict, List, Optional, Sequence

from windlass.agent.core import process
from windlass.agent.core.guard import Guard
from windlass.agent.core.outcome import OperationError
from windlass.agent.core.pipeline import Pipeline, Stage
from windlass.agent.core.postgres import SUPERUSER

UNSQUEEZE = ["zstd", "-q", "-d", "-c"]


def seal(recipients: Sequence[str]) -> Stage:
    """Debian's `age`, to all of these. Raises OperationError where it is not installed."""
    if shutil.which("age", path=process.PATH) is None:
        raise OperationError(
            "the program age is not installed here, and this backup has recipients",
            hint="invoke setup (the role postgresql brings it), or: apt-get install age",
        )
    command: List[str] = ["nice", "-n", "10", "age", "--encrypt"]
    for recipient in recipients:
        command += ["--recipient", recipient]
    return Stage("age", command, SUPERUSER)


class Proofreader:
    """Decodes a compressed stream while it goes by, since nobody here can decode it once it is encrypted.

    `reader` is the program that has to understand it to its end; without one only checksum and size are taken.
    """

    def __init__(self, guard: Guard, reader: Optional[Stage]) -> None:
        self._digest = hashlib.sha256()
        self._size = 0
        stages = [Stage("zstd", UNSQUEEZE, SUPERUSER), reader] if reader else []
        self._pipeline = Pipeline(guard, stages, give=True) if stages else None

    def take(self, chunk: bytes) -> None:
        """The next piece that went by."""
        self._digest.update(chunk)
        self._size += len(chunk)
        if self._pipeline:
            self._pipeline.put(chunk)

    def finish(self) -> Dict[str, Any]:
        """What it came to: `plain_sha256`, `plain_bytes`, and `decoded_bytes` where it was decoded.

        Raises OperationError if it could not be decoded to its end.
        """
        data: Dict[str, Any] = {"plain_sha256": self._digest.hexdigest(), "plain_bytes": self._size}
        if self._pipeline:
            self._pipeline.end()
            for _line in self._pipeline.chunks():
                pass
            self._pipeline.finish()
            data["decoded_bytes"] = self._pipeline.passed[0]
        return data
