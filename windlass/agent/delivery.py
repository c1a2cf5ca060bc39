"""Reading back what this host has sent to a store."""

from __future__ import annotations

import hashlib
import time
from typing import Any, Dict

from windlass.agent.core import http
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import OperationError, Outcome
from windlass.agent.core.upload import HOPELESS, PAUSES

PIECE = 1 << 18  # bytes


def read_back(arguments: Dict[str, Any], context: Context) -> Outcome:
    """All bytes that are stored, read to their end for their checksum; where the line breaks it is read on from there."""
    started, reader = time.monotonic(), _Reader(arguments["bytes"], context)
    for pause in (*PAUSES, None):
        context.check_wanted()
        why = reader.read()
        if not why:
            data = {"sha256": reader.digest.hexdigest(), "bytes": reader.size}
            return Outcome(False, data=dict(data, seconds=round(time.monotonic() - started, 3)))
        if pause is None or reader.hopeless:
            break
        context.wait(pause)
    raise OperationError("%s could not be read back: %s" % (arguments["part"], why), hint="see whether the store is well")


class _Reader:
    def __init__(self, wanted: int, context: Context) -> None:
        self.digest = hashlib.sha256()
        self.size = 0
        self.hopeless = False
        self._wanted = wanted
        self._context = context

    def read(self) -> str:
        """Read on; why that broke off, empty at the end."""
        given = self._context.ask({"want": "stored"})
        headers = {"Range": "bytes=%d-" % self.size} if self.size else {}
        try:
            with http.request("GET", given["url"], None, headers, 206 if self.size else 200) as response:
                for chunk in iter(lambda: response.read(PIECE), b""):
                    self._context.check_wanted()
                    self.digest.update(chunk)
                    self.size += len(chunk)
        except http.Refused as error:
            self.hopeless = error.status in HOPELESS
            return str(error)
        except http.BROKEN as error:
            return http.told(error)
        return "" if self.size >= self._wanted else "%d of %d bytes came" % (self.size, self._wanted)
