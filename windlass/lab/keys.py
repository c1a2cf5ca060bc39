"""Throw-away keys: one for the lab's owner, one per host, and the known_hosts file that joins them."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from windlass.lab.folders import write_whole


def ensure_key(path: Path, comment: str) -> str:
    """The public line of the ed25519 key at `path` (and of `path`.pub); makes a new one, readable by its owner only."""
    public = path.with_name(path.name + ".pub")
    if not (path.exists() and public.exists()):
        key = Ed25519PrivateKey.generate()
        line = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
        write_whole(path, key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode(), mode=0o600)
        write_whole(public, f"{line} {comment}\n")
    return public.read_text().strip()


def known_hosts_line(address: str, port: int, public: str) -> str:
    """A line as OpenSSH looks it up: the port is part of the name when it is not 22."""
    name = address if port == 22 else f"[{address}]:{port}"
    kind, value, *_ = public.split()
    return f"{name} {kind} {value}"
