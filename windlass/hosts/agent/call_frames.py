"""A call as it travels. What it says to all hosts that share a batch is written and compressed once, and the little that is one
host's own is put behind it: zlib would take longer for each host than everything else that is said to it.
"""

from __future__ import annotations

import functools
import threading
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from windlass.agent.core import frames, quick_json
from windlass.operations.wire import MOST_KEPT, EncodedBatch

LONGEST: Final = 65535  # bytes that a block holds which is not compressed, RFC 1951
_LAST_STORED: Final = b"\x01"

_opening = threading.Lock()


@dataclass(frozen=True, slots=True)
class _Opening:
    """The beginning of a JSON object that lacks its end.

    packed   the same as a zlib stream up to the end of a block, where another may begin; `checksum` is the stream's so far
    """

    text: bytes
    packed: bytes
    checksum: int


def call_frame(encoded: EncodedBatch, own: Mapping[str, Any]) -> bytes:
    """The frame for a host of whose own there is this to say besides what the batch says."""
    with _opening:  # or all that are called at once would make one each
        opening = _opened(encoded)
    end = f",{quick_json.short(dict(own))[1:]}".encode() if own else b"}"
    if len(opening.text) + len(end) < frames.SQUEEZED_FROM:
        return frames.framed(frames.CALL, opening.text + end)
    if len(end) > LONGEST:
        return frames.encode(frames.CALL, {**encoded.body, **own})
    return frames.framed(frames.CALL, opening.packed + _stored(end) + zlib.adler32(end, opening.checksum).to_bytes(4, "big"))


@functools.lru_cache(maxsize=MOST_KEPT)
def _opened(encoded: EncodedBatch) -> _Opening:
    text = quick_json.short(dict(encoded.body)).encode()[:-1]
    packer = zlib.compressobj(frames.LEVEL)
    return _Opening(text, packer.compress(text) + packer.flush(zlib.Z_SYNC_FLUSH), zlib.adler32(text))


def _stored(content: bytes) -> bytes:
    """The last block of a deflate stream, as it is."""
    size = len(content)
    return _LAST_STORED + size.to_bytes(2, "little") + (size ^ 0xFFFF).to_bytes(2, "little") + content
