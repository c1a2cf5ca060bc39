"""Public OpenPGP keys as apt wants them: binary, out of the ASCII armor in which people pass them on (RFC 9580, section 6)."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from windlass.errors import InventoryError

_BLOCK: Final = re.compile(rb"-----BEGIN PGP ([A-Z ]+)-----\r?\n(.*?)-----END PGP \1-----", re.DOTALL)
_CRC_START: Final = 0xB704CE
_CRC_POLYNOMIAL: Final = 0x1864CFB
PUBLIC_KEY: Final = 6  # the tag of the packet that every public key begins with
SECRET_KEY: Final = 5


def dearmored(data: bytes, name: str) -> bytes:
    """The keys of all armored blocks, or of a keyring that is binary already. Raises InventoryError, naming the source."""
    blocks = _BLOCK.findall(data)
    if b"-----BEGIN PGP" in data and not blocks:
        raise _wrong(name, "its end is missing")
    keys = b"".join(_block(kind.decode(), text, name) for kind, text in blocks) if blocks else data
    tag = _first_tag(keys)
    if tag == SECRET_KEY:
        raise _wrong(name, "it is a private one, which no host needs")
    if tag != PUBLIC_KEY:
        raise _wrong(name, "it does not begin like one")
    return keys


def _block(kind: str, text: bytes, name: str) -> bytes:
    if kind == "PRIVATE KEY BLOCK":
        raise _wrong(name, "it is a private one, which no host needs")
    if kind != "PUBLIC KEY BLOCK":
        raise _wrong(name, f"it is a {kind.lower()}")
    headers, blank, body = text.replace(b"\r\n", b"\n").partition(b"\n\n")
    lines = (body if blank else headers).split()
    checksum = lines.pop() if lines and len(lines[-1]) == 5 and lines[-1].startswith(b"=") else b""
    try:
        key = base64.b64decode(b"".join(lines), validate=True)
        right = not checksum or base64.b64decode(checksum[1:], validate=True) == _crc24(key).to_bytes(3, "big")
    except binascii.Error:
        right = False
    if not right:
        raise _wrong(name, "its checksum is wrong: it was damaged on its way")
    return key


def _crc24(data: bytes) -> int:
    crc = _CRC_START
    for byte in data:
        crc ^= byte << 16
        for _ in range(8):
            crc = crc << 1 ^ (_CRC_POLYNOMIAL if crc & 0x800000 else 0)
    return crc & 0xFFFFFF


def _first_tag(data: bytes) -> int:
    """The kind of the first packet, in the old or the new form; 0 for what is no packet."""
    if not data or not data[0] & 0x80:
        return 0
    return data[0] & 0x3F if data[0] & 0x40 else data[0] >> 2 & 0x0F


def _wrong(name: str, what: str) -> InventoryError:
    hint = "give the whole public key, from -----BEGIN PGP PUBLIC KEY BLOCK----- on, or a binary keyring as a local file"
    return InventoryError(f"the key of source {name} of apt is not a public OpenPGP key: {what}", hint=hint)
