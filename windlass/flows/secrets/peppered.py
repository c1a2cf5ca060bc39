"""Digests of secrets that take little to make and much to try.

A part of each digest's salt, its pepper, is forgotten as soon as it is made (Manber 1996, "secret salt"): whoever wants to know
whether a value has this digest tries one pepper after the other, and a wrong value costs all of them.
"""

from __future__ import annotations

import hashlib
import os
from typing import Final

PEPPERS: Final = 64
COST: Final = 2**8  # of scrypt, for one pepper: 0.7 ms and 256 KiB
LENGTH: Final = 6  # bytes


def made(text: str, salt: bytes) -> str:
    """A digest, another one each time; in hexadecimal digits."""
    return _with_pepper(text, salt, os.urandom(1)[0] % PEPPERS)


def fits(digest: str, text: str, salt: bytes) -> bool:
    """Whether it was made of this text, with this salt."""
    return any(_with_pepper(text, salt, pepper) == digest for pepper in range(PEPPERS))


def _with_pepper(text: str, salt: bytes, pepper: int) -> str:
    seasoned = bytes((pepper,)) + salt
    return hashlib.scrypt(text.encode("utf-8", "surrogatepass"), salt=seasoned, n=COST, r=8, p=1, dklen=LENGTH).hex()
