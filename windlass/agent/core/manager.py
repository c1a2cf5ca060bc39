"""What systemd says of its units at the socket where systemctl asks it: the same words, and no program to start for them.

D-Bus messages without a bus between: a few properties of each unit, asked for at once. Whatever is not as expected, from another
byte order to a unit whose name is none, is no answer, and systemctl is asked instead.
"""

from __future__ import annotations

import os
import struct
from typing import Any, Dict, List, Optional, Tuple

from windlass.agent.core.parts import socket

SOCKET = "/run/systemd/private"  # root alone may connect
LIMIT = 10.0  # seconds
LONGEST = 1 << 20  # bytes of one answer
UNIT = "org.freedesktop.systemd1.Unit"
UNITS = "/org/freedesktop/systemd1/unit/"
PROPERTIES = "org.freedesktop.DBus.Properties"
CALL, RETURN, ERROR = 1, 2, 3
PATH, INTERFACE, MEMBER, REPLY_TO = 1, 2, 3, 5
HEADER = struct.Struct("<BBBBIII")  # byte order, kind, flags, version, bytes of the body, number, bytes of the fields
LITTLE = ord("l")
LETTERS, DIGITS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", b"0123456789"
LENGTH = struct.Struct("<I")


def ask(units: List[str], names: List[str]) -> Optional[Dict[str, Dict[str, str]]]:
    """These properties of each unit, written as systemctl writes them; None where systemd cannot be asked this way."""
    wanted = [(unit, name) for unit in units for name in names]
    if os.geteuid() or not wanted:
        return None
    try:
        answers = _answers(b"".join(_question(number + 1, *each) for number, each in enumerate(wanted)), len(wanted))
        found: Dict[str, Dict[str, str]] = {unit: {} for unit in units}
        for number, (unit, name) in enumerate(wanted):
            found[unit][name] = _written(answers[number + 1])
    except (OSError, EOFError, ValueError, LookupError, struct.error):
        return None
    return found


def _answers(questions: bytes, count: int) -> Dict[int, bytes]:
    """The bodies of that many answers, by the number of the question."""
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        line.settimeout(LIMIT)
        line.connect(SOCKET)
        line.sendall(b"\0AUTH EXTERNAL 30\r\nBEGIN\r\n" + questions)  # 30: the digits of root's number, as hexadecimal bytes
        incoming = _Incoming(line)
        if not incoming.line().startswith(b"OK "):
            raise ValueError("not let in")
        answers: Dict[int, bytes] = {}
        while len(answers) < count:
            kind, fields, body = incoming.message()
            if kind == ERROR:
                raise ValueError("refused")
            if kind == RETURN:  # and no signal
                answers[_answered(fields)] = body
        return answers
    finally:
        line.close()


class _Incoming:
    """What comes over a socket."""

    def __init__(self, line: Any) -> None:
        self._line = line
        self._data = b""

    def line(self) -> bytes:
        while b"\r\n" not in self._data:
            self._more()
        line, self._data = self._data.split(b"\r\n", 1)
        return line

    def message(self) -> Tuple[int, bytes, bytes]:
        """Kind, fields, and body."""
        order, kind, _flags, _version, body, _number, fields = HEADER.unpack(self._take(HEADER.size))
        if order != LITTLE or body + fields > LONGEST:
            raise ValueError("not what systemd sends here")
        return kind, self._take(fields + -fields % 8)[:fields], self._take(body)

    def _take(self, length: int) -> bytes:
        while len(self._data) < length:
            self._more()
        data, self._data = self._data[:length], self._data[length:]
        return data

    def _more(self) -> None:
        data = self._line.recv(1 << 16)
        if not data:
            raise EOFError
        self._data += data


def _question(number: int, unit: str, name: str) -> bytes:
    fields = b""
    for code, kind, text in ((PATH, b"o", UNITS + _label(unit)), (INTERFACE, b"s", PROPERTIES), (MEMBER, b"s", "Get")):
        fields = _padded(fields, 8) + bytes([code, 1]) + kind + b"\0" + _string(text)
    fields = _padded(fields, 8) + b"\x08\x01g\0\x02ss\0"  # the body's signature
    body = _padded(_string(UNIT), 4) + _string(name)
    return _padded(HEADER.pack(LITTLE, CALL, 0, 1, len(body), number, len(fields)) + fields, 8) + body


def _label(unit: str) -> str:
    """A unit's name as a word of a path."""
    data = unit.encode()
    return "".join(chr(each) if each in LETTERS or (at and each in DIGITS) else "_%02x" % each for at, each in enumerate(data))


def _string(text: str) -> bytes:
    data = text.encode()
    return LENGTH.pack(len(data)) + data + b"\0"


def _padded(data: bytes, to: int) -> bytes:
    return data + b"\0" * (-len(data) % to)


def _answered(fields: bytes) -> int:
    """Which question a message answers."""
    at = 0
    while True:
        at += -at % 8
        code, kind = fields[at], fields[at + 2 : at + 3]
        at += 4
        if code == REPLY_TO:
            return int(LENGTH.unpack_from(fields, at)[0])
        at += fields[at] + 2 if kind == b"g" else LENGTH.unpack_from(fields, at)[0] + 5 if kind in (b"s", b"o") else 4


def _written(body: bytes) -> str:
    """A value of any of the kinds that are asked for."""
    kind = body[1 : 1 + body[0]]
    at = 2 + body[0]
    if kind == b"b":
        return "yes" if LENGTH.unpack_from(body, at + -at % 4)[0] else "no"
    if kind == b"s":
        return _text(body, at + -at % 4)[0]
    if kind == b"(ss)":
        first, at = _text(body, at + -at % 8)
        second = _text(body, at + -at % 4)[0]
        return '%s "%s"' % (first, second) if first or second else ""
    raise ValueError("a value of another kind")


def _text(body: bytes, at: int) -> Tuple[str, int]:
    """A text, and where what follows it begins."""
    end = at + 4 + LENGTH.unpack_from(body, at)[0]
    if end >= len(body):
        raise ValueError("cut off")
    return body[at + 4 : end].decode("utf-8", "replace"), end + 1
