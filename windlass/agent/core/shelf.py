"""What this host's Python made of the agent's text, kept until the next boot: compiling it is a quarter of an unchanged run.

A file for each block of modules that came, named by the checksum of the block and of Python's version, with a checksum of its
own, in a folder that is root's alone; what is not just so counts for nothing. These lines alone are compiled anew each time.
"""

from __future__ import annotations

import marshal
import os
import sys
import zlib

try:
    from _blake2 import blake2b
except ImportError:
    from hashlib import blake2b

FOLDER = "/run/windlass/code"
HEAD = 4  # bytes in front: what tells a torn or spoiled file


def place(block: bytes) -> str:
    """Where what was made of a block lies."""
    return FOLDER + "/" + blake2b(sys.version.encode() + block, digest_size=20).hexdigest()


def head(content: bytes) -> bytes:
    """Who could write it on purpose is root already."""
    return zlib.crc32(content).to_bytes(HEAD, "big")


def is_ours() -> bool:
    """Whether we are root, and the folder is there for root alone. Raises OSError where there is none."""
    found = os.lstat(FOLDER)
    return os.geteuid() == found.st_uid == 0 and found.st_mode & 0o170077 == 0o040000


def taken(block: bytes) -> dict[str, bytes] | None:
    """The compiled modules of a block, by their names; None if they are not there, or not just so."""
    try:
        if not is_ours():
            return None
        with open(place(block), "rb") as handle:
            content = handle.read()
    except OSError:
        return None
    if head(content[HEAD:]) != content[:HEAD]:
        return None
    codes: dict[str, bytes] = marshal.loads(content[HEAD:])  # noqa: S302 - ours, as the lines above say
    return codes
