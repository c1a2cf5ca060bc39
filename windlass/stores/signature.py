"""Signatures of manifests and proofs: made with this controller's key, believed of it and of those that the inventory names."""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from windlass.errors import BackupError

SIGNATURE: Final = "manifest.json.sig"
SIGNER: Final = "signer.pem"
KEY: Final = "backup-ed25519"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a signature is worth. `doubt` says why the manifest cannot be believed, empty if it can; an old one may be unsigned."""

    signed: bool
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Signatures:
    """The key in a folder of the controller, made when it is first needed; `believed` are public keys of other controllers."""

    folder: Path
    believed: tuple[str, ...] = ()

    def sign(self, manifest: bytes) -> dict[str, bytes]:
        """The files that go beside a manifest, by name. Raises BackupError if there is no key and none can be made."""
        key = self._key()
        return {SIGNATURE: key.sign(manifest), SIGNER: _pem(key.public_key())}

    def signature_of(self, content: bytes) -> bytes:
        """This controller's signature of anything. Raises BackupError as `sign` does."""
        return self._key().sign(content)

    def is_believed(self, signature: bytes, content: bytes) -> bool:
        """Whether somebody who is believed signed this. Raises BackupError for a key of ours that cannot be read."""
        return any(_fits(key, signature, content) for key in self._believed())

    def judge(self, files: Mapping[str, bytes], manifest: bytes, latest: datetime) -> Judgement:
        """Whether the signature among the files beside a manifest is one of it, and by whom; `latest` is the last moment that the
        manifest speaks of. Raises BackupError for a key of ours that cannot be read."""
        try:
            signature, signer = files[SIGNATURE], _public(files[SIGNER])
        except KeyError:
            since = self._since()
            gone = since is not None and latest >= since
            return Judgement(signed=False, doubt="its signature is gone" if gone else "")
        except (ValueError, UnsupportedAlgorithm):
            return Judgement(signed=False, doubt=f"its {SIGNER} is no public key of Ed25519")
        try:
            signer.verify(signature, manifest)
        except InvalidSignature:
            return Judgement(signed=False, doubt="its signature does not fit: the manifest was changed after it was written")
        if _text(signer) in self._believed():
            return Judgement(signed=True)
        return Judgement(signed=False, doubt=f"it is signed with a key that is not believed, {_text(signer)}")

    def _believed(self) -> set[str]:
        return {*self.believed, *([_text(self._key().public_key())] if self._since() else [])}

    def _since(self) -> datetime | None:
        """When the key was made; None where there is none yet."""
        with contextlib.suppress(FileNotFoundError):
            return datetime.fromtimestamp((self.folder / KEY).stat().st_mtime, UTC)
        return None

    def _key(self) -> Ed25519PrivateKey:
        path = self.folder / KEY
        try:
            if not path.exists():
                _make(path)
            key = load_pem_private_key(path.read_bytes(), None)
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:  # TypeError: it is there, and wants a passphrase
            raise BackupError(
                f"cannot use the key {path}: {error}", hint="it signs backups; bring it back, or remove it"
            ) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise BackupError(f"{path} is no key of Ed25519", hint="remove it, and another one is made")
        return key


def _make(path: Path) -> None:
    """A new key with its public half beside it, whole or not at all; if another run makes one meanwhile, the first one stays."""
    key = Ed25519PrivateKey.generate()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
            handle.flush()
            os.fsync(handle.fileno())
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)
            path.with_name(f"{path.name}.pub").write_text(f"{_text(key.public_key())}\n", encoding="ascii")
    finally:
        draft.unlink()


def _fits(signer: str, signature: bytes, content: bytes) -> bool:
    """What the inventory names as a key and is none fits nothing."""
    try:
        Ed25519PublicKey.from_public_bytes(base64.b64decode(signer)).verify(signature, content)
    except (ValueError, InvalidSignature):
        return False
    return True


def _pem(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _text(key: Ed25519PublicKey) -> str:
    return base64.b64encode(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


def _public(text: bytes) -> Ed25519PublicKey:
    key = load_pem_public_key(text)
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("another kind of key")  # noqa: TRY004 - like any other file that is not one
    return key
