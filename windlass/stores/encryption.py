"""Reading encrypted backups on the controller: the one place that has private keys, and only while it is asked to."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyrage

from windlass.errors import BackupError, UsageError
from windlass.stores.store import Source

BUFFER = 1 << 18  # bytes; age works in small pieces


def identities(path: Path) -> tuple[pyrage.x25519.Identity, ...]:
    """The private keys in a file as age-keygen writes it. Raises UsageError for what is not such a file; never quotes it."""
    try:
        lines = [line.strip() for line in path.read_text(encoding="ascii").splitlines()]
        found = tuple(pyrage.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#"))
    except OSError as error:
        raise UsageError(
            f"cannot read the identity file {path}: {error.strerror}", hint="is its path right, and may you read it?"
        ) from error
    except (ValueError, pyrage.IdentityError):
        found = ()
    if not found:
        raise UsageError(f"{path} holds no private key of age", hint="age-keygen writes such a file: AGE-SECRET-KEY-1…")
    return found


class _Enough(Exception):  # noqa: N818 - not an error
    """The first piece was decrypted."""


class _FirstPiece:
    def write(self, _chunk: bytes) -> int:
        raise _Enough

    def flush(self) -> None:
        """There is nothing to flush."""


def check_identity(path: Path, keys: Sequence[pyrage.x25519.Identity], source: Source, recipients: Sequence[str]) -> None:
    """Whether a key opens a file, seen from its first piece. Raises UsageError when none does, BackupError for a damaged file."""
    try:
        with source.open("rb") as handle, contextlib.suppress(_Enough):
            pyrage.decrypt_io(handle, _FirstPiece(), keys)
    except (pyrage.DecryptError, OSError) as error:
        if not {str(key.to_public()) for key in keys} & set(recipients):
            hint = f"it needs the private key of {' or '.join(recipients)}"
            raise UsageError(f"no private key in {path} opens {source}", hint=hint) from error
        raise BackupError(f"{source} cannot be decrypted: {error}", hint="choose another backup") from error


@dataclass(slots=True)
class _Decryption:
    """A thread that decrypts a file into a pipe with a name; why it broke off is kept for whoever waits for it."""

    source: Source
    pipe: Path
    keys: Sequence[pyrage.x25519.Identity]
    failure: str = ""
    thread: threading.Thread = field(init=False)

    def start(self) -> None:
        self.thread = threading.Thread(target=self._decrypt, daemon=True)
        self.thread.start()

    def _decrypt(self) -> None:
        """The pipe comes first: whoever reads it would wait for ever for one that nobody opens."""
        try:
            with self.pipe.open("wb", buffering=BUFFER) as sink, self.source.open("rb") as source:
                pyrage.decrypt_io(source, sink, self.keys)
        except BrokenPipeError:  # whoever read it had enough
            pass
        except (pyrage.DecryptError, OSError, BackupError) as error:
            self.failure = str(error)

    def stop(self) -> None:
        """Wait for the thread, which may still be waiting for somebody to read."""
        while self.thread.is_alive():
            os.close(os.open(self.pipe, os.O_RDONLY | os.O_NONBLOCK))
            self.thread.join(0.05)


@contextlib.contextmanager
def decrypted(source: Source, keys: Sequence[pyrage.x25519.Identity]) -> Iterator[Path]:
    """A path from which the content of an encrypted file can be read once; nothing of it lands on a disk.

    Raises BackupError on leaving if it could not be decrypted to its end.
    """
    with tempfile.TemporaryDirectory(prefix="windlass-") as folder:
        pipe = Path(folder) / "content"
        os.mkfifo(pipe, 0o600)
        decryption = _Decryption(source, pipe, keys)
        decryption.start()
        try:
            yield pipe
        finally:
            decryption.stop()
            if decryption.failure:
                raise BackupError(
                    f"{source} cannot be decrypted: {decryption.failure}", hint="its bytes are damaged: choose another"
                )
