"""What a start had to work out and the next one need not.

It lies in the user's cache folder, as Python's own compiled modules lie beside theirs, and under the same trust: a file that
somebody else could have written, or that is torn, counts for nothing, and that of another Python is another file.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import marshal
import os
import struct
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from windlass import own_file

MOST: Final = 4000
_HEADER: Final = struct.Struct(">III")  # checksum and length of the places, length of the values

_of_a_program = False


def start() -> None:
    """This process is the program's, and no one that uses parts of it: it reads what is kept, and keeps what is new."""
    global _of_a_program  # noqa: PLW0603 - of the process
    _of_a_program = True


class Kept:
    """Values by keys, of one kind: all of what `marshal` can write. What is new is kept when the program ends."""

    def __init__(self, kind: str) -> None:
        self.new: dict[Any, Any] = {}
        self._kind = kind
        self._shelf: _Shelf | None = None

    def get(self, key: Any) -> Any:
        """None if nothing is known of it."""
        there = self._there()
        return self.new[key] if key in self.new else there.get(_name(key))

    def put(self, key: Any, value: Any) -> None:
        """What `get` gives from now on."""
        self._there()
        self.new[key] = value

    def _there(self) -> _Shelf:
        if self._shelf is None:
            self._shelf = _Shelf(b"")
            if _of_a_program:
                self._shelf = self._read()
                atexit.register(self._keep)
        return self._shelf

    def _path(self) -> Path:
        named = os.environ.get("XDG_CACHE_HOME", "")
        cache = named if os.path.isabs(named) else os.path.expanduser("~/.cache")  # noqa: PTH111, PTH117 - who has no home gets it back
        name = f"{sys.implementation.cache_tag}-{sys.hexversion:x}-{sys.flags.optimize}"
        return Path(cache) / "windlass" / f"{self._kind}-{name}"

    def _read(self) -> _Shelf:
        with contextlib.suppress(OSError, ValueError, EOFError, TypeError, struct.error):
            return _Shelf(own_file.read(self._path()))
        return _Shelf(b"")

    def _keep(self) -> None:
        """Beside what another start has kept meanwhile. Where that is not possible, the next start takes as long as this one."""
        path = self._path()
        with contextlib.suppress(OSError, ValueError):
            if not (self.new and _is_ours(path.parent)):
                return
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            new = {_name(key): marshal.dumps(value) for key, value in self.new.items()}
            both = self._read().pieces() | new
            own_file.write(path, _written(both if len(both) <= MOST else new))


class _Shelf:
    """What is kept of one kind, as it lies in its file: a header, where each value is by its key's name, and the values.

    A start needs a part of it, so each value is looked at when it is asked for. Raises what a spoiled file leads to.
    """

    def __init__(self, content: bytes) -> None:
        self._places: dict[bytes, tuple[int, int, int]] = {}
        self._values = memoryview(content)
        if content:
            checksum, length, size = _HEADER.unpack_from(content)
            end = _HEADER.size + length
            places, self._values = self._values[_HEADER.size : end], self._values[end:]
            if len(self._values) != size or zlib.crc32(places) != checksum:
                raise ValueError("it is torn")
            self._places = marshal.loads(places)  # noqa: S302 - ours, as the top of this module says

    def get(self, key: bytes) -> Any:
        piece = self._piece(*self._places.get(key, (0, 0, 0)))
        return marshal.loads(piece) if piece else None  # noqa: S302 - as above

    def pieces(self) -> dict[bytes, bytes]:
        return {key: bytes(piece) for key, place in self._places.items() if (piece := self._piece(*place))}

    def _piece(self, start: int, size: int, checksum: int) -> memoryview:
        piece = self._values[start : start + size]
        return piece if zlib.crc32(piece) == checksum else piece[:0]


def _name(key: Any) -> bytes:
    return hashlib.blake2b(repr(key).encode(), digest_size=16).digest()


def _written(pieces: Mapping[bytes, bytes]) -> bytes:
    places, start = {}, 0
    for key, piece in pieces.items():
        places[key] = start, len(piece), zlib.crc32(piece)
        start += len(piece)
    index = marshal.dumps(places)
    return b"".join((_HEADER.pack(zlib.crc32(index), len(index), start), index, *pieces.values()))


def _is_ours(folder: Path) -> bool:
    """Whether this user made what is there of it: root at work in somebody's home leaves nothing there."""
    there = next(each for each in (folder, *folder.parents) if each.exists())
    return folder.is_absolute() and there.stat().st_uid == os.geteuid()
