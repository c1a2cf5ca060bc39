"""The frames on the wire between controller and agent, spoken by both sides.

A frame is a header of five bytes (length of the body as unsigned 32 bit big endian, one letter for the kind) and a body.
Bodies are JSON objects, but for DATA, whose body is a stream number (unsigned 32 bit) and raw bytes; no bytes end the stream.

    controller -> agent   CALL batch of operations   DATA content asked for   ANSWER to a question   PING   CANCEL the batch   BYE
    agent -> controller   HELLO facts   START/RESULT an operation   FETCH content wanted   CREDIT more bytes may come
                          DATA a stream out   ASK a question   NOTE a line for people   DONE the batch is over   PING
                          FATAL the agent broke
                          ARMED a change is about to be made that has to be confirmed, and again when it is made
"""

from __future__ import annotations

import json
import struct
from typing import Any, Callable, Dict, Tuple

HELLO, CALL, START, RESULT, DONE = b"H", b"C", b"S", b"R", b"E"
FETCH, CREDIT, DATA = b"F", b"K", b"D"
NOTE, PING, CANCEL, BYE, FATAL, ARMED = b"N", b"P", b"Z", b"Q", b"X", b"A"
ASK, ANSWER = b"U", b"V"

CHUNK = 32_000  # one DATA frame fits one SSH packet (32,768 bytes) with its headers
LARGE_CHUNK = 256_000  # a DATA frame to a host: fewer frames cost both sides less than the packets they are cut into
WINDOW = 4 * 1024 * 1024  # bytes of one stream that may be under way to a host before it grants more
LARGEST = 64 * 1024 * 1024  # a longer frame is a broken or hostile peer

_HEADER = struct.Struct("!Ic")
_STREAM = struct.Struct("!I")


class BrokenFrame(Exception):  # noqa: N818 - reads as what happened
    """The other side sent something that is not a frame."""


def encode(kind: bytes, body: Dict[str, Any]) -> bytes:
    payload = json.dumps(body, separators=(",", ":")).encode()
    return _HEADER.pack(len(payload), kind) + payload


def encode_data(stream: int, chunk: bytes) -> bytes:
    """A piece of a stream; an empty chunk ends it."""
    return _HEADER.pack(_STREAM.size + len(chunk), DATA) + _STREAM.pack(stream) + chunk


def read(read_exactly: Callable[[int], bytes]) -> Tuple[bytes, bytes]:
    """The next frame as (kind, raw body). `read_exactly` raises EOFError at the end of the stream."""
    length, kind = _HEADER.unpack(read_exactly(_HEADER.size))
    if length > LARGEST:
        raise BrokenFrame("a frame of %d bytes" % length)
    return kind, read_exactly(length)


def decode(body: bytes) -> Dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError as error:
        raise BrokenFrame("not JSON: %r" % body[:80]) from error
    if not isinstance(value, dict):
        raise BrokenFrame("not an object: %r" % body[:80])
    return value


def decode_data(body: bytes) -> Tuple[int, bytes]:
    if len(body) < _STREAM.size:
        raise BrokenFrame("data without a stream")
    return _STREAM.unpack_from(body)[0], body[_STREAM.size :]
