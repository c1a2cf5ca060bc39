"""dpkg's own file of what is installed, for the usual answer: all of it is. Whatever this cannot say for sure, dpkg is asked.

dpkg replaces the file as a whole. What it has not put into it yet lies in a folder beside it, for as long as dpkg is at work.
"""

from __future__ import annotations

import os
from typing import Iterable

STATUS = "/var/lib/dpkg/status"
PENDING = "/var/lib/dpkg/updates"
LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789+.-")  # of a name, which begins with none of the last three


class Status:
    """The file as it was when it was read; it knows of nothing while dpkg is at work, or where there is none."""

    def __init__(self, status: str = STATUS, pending: str = PENDING) -> None:
        self._text = b""
        try:
            if not os.listdir(pending):
                with open(status, "rb") as handle:
                    self._text = handle.read()
        except OSError:
            pass

    def surely_has(self, wanted: Iterable[str]) -> bool:
        """Whether each `name` or `name=version` is installed, beyond doubt."""
        return all(self._has(*each.partition("=")[::2]) for each in wanted)

    def _has(self, name: str, version: str) -> bool:
        if len(name) < 2 or name[0] in "+.-" or not LETTERS.issuperset(name):
            return False  # of one architecture, say
        head = b"Package: %s\n" % name.encode()
        at = 0 if self._text.startswith(head) else self._next(head, 0)
        while at >= 0:
            fields = self._text[at : self._text.find(b"\n\n", at) + 1 or None]
            if _is_installed(fields + b"\n", version.encode()):
                return True
            at = self._next(head, at)
        return False

    def _next(self, head: bytes, at: int) -> int:
        """Where the next entry with this first line begins; -1 if there is none."""
        found = self._text.find(b"\n\n" + head, at)
        return found + 2 if found >= 0 else -1


def _is_installed(fields: bytes, version: bytes) -> bool:
    status = fields.partition(b"\nStatus: ")[2].partition(b"\n")[0].split(b" ")
    if len(status) != 3 or status[1:] != [b"ok", b"installed"]:
        return False
    return not version or b"\nVersion: %s\n" % version in fields
