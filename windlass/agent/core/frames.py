"""The frames on the wire between controller and agent, spoken by both sides.

A frame is a header of five bytes (length of the body as unsigned 32 bit big endian, one letter for the kind) and a body.
Bodies are JSON objects, long ones compressed, but for DATA, whose body is a stream number (unsigned 32 bit) and raw bytes; no
bytes end the stream.

    controller -> agent   MODULES of the agent that operations need   CALL batch of operations
                          DATA content that was asked for, or given along with a call that names its streams
                          ANSWER to a question   PING   CANCEL the batch   BYE
    agent -> controller   HELLO facts   START of an operation that lasts   RESULT of one   FETCH content wanted
                          CREDIT more bytes may come
                          DATA a stream out   ASK a question   NOTE a line for people   DONE the batch is over   PING
                          FATAL the agent broke
                          LIVE the last lines of a program that runs
                          ARMED a change is about to be made that has to be confirmed, and again when it is made
    both, on a new connection of an old line, before all else and not counted: LINE how many bytes of whole frames were heard

PING says how many bytes of whole frames were heard since the hello (the agent: since its start), so that they need not be kept.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any, Callable, Dict, Tuple, TypeVar, Union

from windlass.agent.core import quick_json

Bytes = Union[bytes, bytearray, memoryview]
Read = TypeVar("Read", bytes, bytearray, memoryview)

HELLO, CALL, START, RESULT, DONE = b"H", b"C", b"S", b"R", b"E"
FETCH, CREDIT, DATA = b"F", b"K", b"D"
NOTE, PING, CANCEL, BYE, FATAL, ARMED = b"N", b"P", b"Z", b"Q", b"X", b"A"
ASK, ANSWER, LIVE, LINE, MODULES = b"U", b"V", b"L", b"W", b"M"

ATTACH = "attach"  # the word that makes the agent's program the way back to another, before any frame: `relay`
LARGE_CHUNK = 256_000  # a DATA frame: fewer frames cost both sides less than the packets they are cut into
WINDOW = 16 * LARGE_CHUNK  # bytes of one stream that may be under way to a host before it grants more
GIVEN_FROM = 1 << 31  # the number of the first stream that a controller gives along unasked; hosts count theirs from 1
REMEMBERED_FROM = 4 * 1024 * 1024  # bytes of a file whose checksum is worth remembering: less is read sooner than looked up
LARGEST = 64 * 1024 * 1024  # a longer frame is a broken or hostile peer
SQUEEZED_FROM = 1024  # bytes of JSON from which it is compressed
LEVEL = 6  # so much
_SQUEEZED = b"x"  # what zlib begins with; JSON objects begin with a brace

# What a body must hold for its reader not to stumble; the other side is not to be trusted with more than bytes.
_NUMBER = (int, float)
REQUIRED: Dict[bytes, Dict[str, Any]] = {
    CALL: {"operations": list, "check": bool, "go_on": bool, "secrets": list},
    ANSWER: {"number": int, "answer": dict},
    START: {"index": int},
    RESULT: {"index": int, "status": str},
    FETCH: {"stream": int, "checksum": str, "window": int},
    CREDIT: {"stream": int, "bytes": int},
    ASK: {"number": int, "question": dict},
    NOTE: {"text": str},
    LIVE: {"lines": list, "missed": int},
    FATAL: {"message": str},
    ARMED: {"guard": str, "token": str, "seconds": _NUMBER, "active": bool},
    HELLO: {
        "hostname": str, "os": str, "os_version": str, "codename": str, "machine": str, "python": str, "interpreter": str,
        "cpus": int, "memory": int, "user_id": int, "systemd": bool, "clock": _NUMBER,
    },
}  # fmt: skip
OPTIONAL: Dict[bytes, Dict[str, Any]] = {
    HELLO: {"line": dict},
    CALL: {"journal": str, "given": dict},
    PING: {"heard": int},
    LINE: {"heard": int, "token": str},
    RESULT: {
        "summary": str, "diff": str, "data": dict, "seconds": _NUMBER, "message": str, "hint": str, "last_lines": list,
    },
}  # fmt: skip

_HEADER = struct.Struct("!Ic")
HEADER_SIZE = _HEADER.size
_STREAM = struct.Struct("!I")
DATA_HEADER = _HEADER.size + _STREAM.size


class BrokenFrame(Exception):  # noqa: N818 - reads as what happened
    """The other side sent something that is not a frame."""


def encode(kind: bytes, body: Dict[str, Any]) -> bytes:
    """A frame of this kind with this body, compressed where that is worth it."""
    payload = quick_json.short(body).encode()
    if len(payload) >= SQUEEZED_FROM:
        payload = zlib.compress(payload, LEVEL)
    return framed(kind, payload)


def framed(kind: bytes, body: bytes) -> bytes:
    """A body that is written already."""
    return _HEADER.pack(len(body), kind) + body


def encode_data(stream: int, chunk: bytes) -> bytes:
    """A piece of a stream; an empty chunk ends it."""
    return _HEADER.pack(_STREAM.size + len(chunk), DATA) + _STREAM.pack(stream) + chunk


def data_frame(stream: int, most: int, fill: Callable[[memoryview], int], room: Callable[[int], bytearray]) -> bytearray:
    """A piece of a stream of at most so many bytes, which `fill` puts where they are to stand and counts; in memory from `room`."""
    frame = room(DATA_HEADER + most)
    with memoryview(frame) as view:
        count = fill(view[DATA_HEADER:])
    if count < most:
        frame = frame[: DATA_HEADER + count]
    _HEADER.pack_into(frame, 0, _STREAM.size + count, DATA)
    _STREAM.pack_into(frame, _HEADER.size, stream)
    return frame


def read(read_exactly: Callable[[int], Read]) -> Tuple[bytes, Read]:
    """The next frame as (kind, raw body). `read_exactly` raises EOFError at the end of the stream."""
    length, kind = _HEADER.unpack(read_exactly(_HEADER.size))
    if length > LARGEST:
        raise BrokenFrame("a frame of %d bytes" % length)
    return kind, read_exactly(length)


def decode(body: Union[bytes, bytearray], kind: bytes = b"") -> Dict[str, Any]:
    """The body of a frame; of this kind if one is given, with all that its reader counts on then. Raises BrokenFrame."""
    try:
        text = _spread(body) if body[:1] == _SQUEEZED else body
        value = quick_json.read(text.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError, zlib.error) as error:
        raise BrokenFrame("not JSON: %r" % body[:80]) from error
    if not isinstance(value, dict):
        raise BrokenFrame("not an object: %r" % body[:80])
    for name, types in REQUIRED.get(kind, {}).items():
        if not isinstance(value.get(name), types):
            raise BrokenFrame("%s is missing or not what it should be: %r" % (name, body[:80]))
    optional = OPTIONAL.get(kind, {})
    for name in optional.keys() & value.keys():
        if not isinstance(value[name], optional[name]):
            raise BrokenFrame("%s is not what it should be: %r" % (name, body[:80]))
    return value


def _spread(body: Union[bytes, bytearray]) -> bytes:
    """What was compressed, if it is whole and not longer than any frame may be. Raises ValueError, zlib.error."""
    squeezed = zlib.decompressobj()
    text = squeezed.decompress(body, LARGEST)
    if not squeezed.eof:
        raise ValueError("not the end")
    return text


def decode_data(body: Read) -> Tuple[int, Read]:
    """The number of the stream that a frame of data belongs to, and its bytes. Raises BrokenFrame."""
    if len(body) < _STREAM.size:
        raise BrokenFrame("data without a stream")
    return _STREAM.unpack_from(body)[0], body[_STREAM.size :]
