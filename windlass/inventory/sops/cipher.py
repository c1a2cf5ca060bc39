"""One sealed value: `ENC[AES256_GCM,data:…,iv:…,tag:…,type:…]`, bound to its place in the file."""

from __future__ import annotations

import base64
import binascii
import os
import re

NONCE_BYTES = 32
TAG_BYTES = 16
KEY_BYTES = 32
_FORM = re.compile(r"ENC\[AES256_GCM,data:(.+),iv:(.+),tag:(.+),type:([a-z]+)\]")


def seal(text: str, key: bytes, place: str, kind: str = "str") -> str:
    """Encrypt a value. `place` is authenticated with it: a sealed value that was moved does not open. Empty stays empty."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - slow to import; most runs open no file

    if not text:
        return ""
    nonce = os.urandom(NONCE_BYTES)
    whole = AESGCM(key).encrypt(nonce, text.encode(), place.encode())
    parts = (base64.b64encode(part).decode() for part in (whole[:-TAG_BYTES], nonce, whole[-TAG_BYTES:]))
    return "ENC[AES256_GCM,data:{},iv:{},tag:{},type:{}]".format(*parts, kind)


def unseal(sealed: str, key: bytes, place: str) -> str:
    """The text of a value. Raises ValueError for what is not a sealed value, was altered, or stood at another place."""
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - see above
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - see above

    if not sealed:
        return ""
    match = _FORM.fullmatch(sealed)
    if not match:
        raise ValueError("is not encrypted")
    try:
        data, nonce, tag = (base64.b64decode(part, validate=True) for part in match.groups()[:3])
        return AESGCM(key).decrypt(nonce, data + tag, place.encode()).decode()
    except (InvalidTag, binascii.Error, UnicodeDecodeError):
        raise ValueError("was altered, or stood at another place") from None
