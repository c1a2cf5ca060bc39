"""Where a part of a backup goes: down the channel to the controller, or straight from this host to where it rests.

The controller is asked, part by part: it alone knows the store, and this host learns no more than addresses that are good
for a few minutes and for the bytes that it is about to send.
"""

from __future__ import annotations

import hashlib
from typing import Any, Dict, Iterable, Iterator

from windlass.agent.core.context import Context
from windlass.agent.core.upload import upload


class _Counted:
    """Chunks that go by, their number of bytes and their checksum."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self._digest = hashlib.sha256()
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self._digest.update(chunk)
            self.size += len(chunk)
            yield chunk

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


def deliver(chunks: Iterable[bytes], stream: int, expected: int, context: Context) -> Dict[str, Any]:
    """Send it where the controller says; `stored_bytes` and `sha256` of all, and `pieces` where it went in such. `expected` is
    about how many bytes there will be at most, 0 where nobody knows. Raises OperationError."""
    counted = _Counted(chunks)
    place = context.ask({"want": "place", "stream": stream, "expected_bytes": expected})
    data: Dict[str, Any] = {}
    if place.get("part_bytes"):
        data["pieces"] = upload(counted, place["part_bytes"], context)
        data["piece_bytes"] = place["part_bytes"]
    else:
        for chunk in counted:
            context.emit(stream, chunk)
        context.end_stream(stream)
    return dict(data, stored_bytes=counted.size, sha256=counted.sha256)
