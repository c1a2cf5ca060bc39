"""The key file that an inventory names for a host."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from windlass.errors import ConnectionFailed
from windlass.hosts.by_paramiko.connection import open_session
from windlass.hosts.common.target import Target


def key(folder: Path, passphrase: str = "") -> Path:
    path = folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", path], check=True)
    return path


def refused(path: Path) -> ConnectionFailed:
    """What is said of this key; nothing is asked of the network before that."""
    with pytest.raises(ConnectionFailed) as caught:
        open_session(Target(name="web1", address="192.0.2.1", user="deploy", private_key=path), "true")
    return caught.value


def test_a_key_with_a_passphrase_asks_nobody_at_three_in_the_morning(tmp_path: Path) -> None:
    error = refused(key(tmp_path, "a passphrase"))

    assert error.message == f"the key {tmp_path / 'key'} has a passphrase"
    assert "ssh-add" in error.hint


def test_the_public_half_is_told_from_the_private_one(tmp_path: Path) -> None:
    error = refused(key(tmp_path).with_suffix(".pub"))

    assert error.message.startswith(f"{tmp_path / 'key.pub'} cannot be read as a private key")
    assert (error.host, "the private half" in error.hint) == ("web1", True)
