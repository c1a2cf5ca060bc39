"""age keys: where the private ones of this person are, and the data key wrapped for each recipient."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from windlass.errors import InventoryError, UsageError
from windlass.values import Secret

if TYPE_CHECKING:
    from pyrage.x25519 import Identity

OWN_KEY = Path(".windlass", "age-key.txt")
_MARK = "AGE-SECRET-KEY-1"


class NoKey(ValueError):  # noqa: N818 - reads as what happened
    """Nobody here can open the file; somebody else can."""


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The private keys that were found, and the places that were looked at."""

    keys: tuple[Secret, ...]
    places: tuple[str, ...]

    def recipients(self) -> tuple[str, ...]:
        """The public halves, in the order in which the keys were found."""
        return tuple(str(identity.to_public()) for identity in self._identities())

    def unwrap(self, wrapped: Mapping[str, str]) -> bytes:
        """The data key, from what is wrapped for one of our recipients. Raises NoKey, or ValueError when it is damaged."""
        import pyrage  # noqa: PLC0415 - only for runs that open an encrypted file

        identities = list(self._identities())
        if not identities:
            raise NoKey(f"needs a private age key, and there is none in {', '.join(self.places)}")
        mine = [recipient for recipient in self.recipients() if recipient in wrapped]
        if not mine:
            raise NoKey(f"is not for your key ({', '.join(self.recipients())})")
        try:
            return bytes(pyrage.decrypt(wrapped[mine[0]].encode(), identities))
        except pyrage.DecryptError as error:
            raise ValueError(f"holds a damaged data key for {mine[0]}: {error}") from None

    def _identities(self) -> Iterable[Identity]:
        from pyrage import IdentityError, x25519  # noqa: PLC0415 - see above

        for key in self.keys:
            try:
                yield x25519.Identity.from_str(key.reveal())
            except IdentityError:
                raise InventoryError(
                    "a private age key that was found is damaged", hint=f"look into {', '.join(self.places)}"
                ) from None


def key_ring(project: Path, surroundings: Mapping[str, str] | None = None) -> KeyRing:
    """The private keys of whoever runs this: those that the `sops` program finds, then the project's own.

    Looks at SOPS_AGE_KEY, SOPS_AGE_KEY_FILE, `~/.config/sops/age/keys.txt` (XDG_CONFIG_HOME counts) and `.windlass/age-key.txt`.
    Raises InventoryError for a file that others may read, or that SOPS_AGE_KEY_FILE names and that is not there.
    """
    given = os.environ if surroundings is None else surroundings
    found = _keys_in(given.get("SOPS_AGE_KEY", ""))
    named = given.get("SOPS_AGE_KEY_FILE", "")
    if named and not Path(named).is_file():
        raise InventoryError(f"SOPS_AGE_KEY_FILE names {named}, and there is no such file", hint="correct it, or unset it")
    home = Path(given.get("XDG_CONFIG_HOME") or Path(given.get("HOME") or "~").expanduser() / ".config")
    files = [*([Path(named)] if named else []), home / "sops" / "age" / "keys.txt", project / OWN_KEY]
    for file in files:
        found += _keys_of(file)
    places = ("SOPS_AGE_KEY", *([] if named else ["SOPS_AGE_KEY_FILE"]), *(str(file) for file in files))
    return KeyRing(tuple(Secret(key) for key in dict.fromkeys(found)), places)


def make_own_key(project: Path) -> str:
    """Make a private key at `.windlass/age-key.txt` and give its recipient. A key that is there already is never written over."""
    from pyrage import x25519  # noqa: PLC0415 - see above

    identity = x25519.Identity.generate()
    file = project / OWN_KEY
    file.parent.mkdir(mode=0o700, exist_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
        stream.write(f"# public key: {identity.to_public()}\n{identity}\n")
        stream.flush()
        os.fsync(stream.fileno())
    return str(identity.to_public())


def wrap(data_key: bytes, recipients: Iterable[str]) -> dict[str, str]:
    """The data key for each recipient, armoured. Raises UsageError for what is not an age recipient."""
    import pyrage  # noqa: PLC0415 - see above

    return {
        recipient: pyrage.encrypt(data_key, [_recipient(recipient)], armored=True).decode().rstrip("\n") + "\n"
        for recipient in recipients
    }


def _recipient(text: str) -> Any:
    from pyrage import RecipientError, x25519  # noqa: PLC0415 - see above

    try:
        return x25519.Recipient.from_str(text)
    except RecipientError:
        shown = "a private key" if text.upper().startswith("AGE-SECRET") else repr(text)
        raise UsageError(f"{shown} is not an age recipient", hint="`age-keygen -y KEYFILE` prints it: age1…") from None


def _keys_of(file: Path) -> list[str]:
    try:
        mode = file.stat().st_mode
    except OSError:  # not there, or in a folder that is not ours
        return []
    if not stat.S_ISREG(mode):
        return []
    if mode & 0o077:
        raise InventoryError(
            f"{file} holds a private key and others may read or write it (mode {stat.S_IMODE(mode):04o})", hint=f"chmod 600 {file}"
        )
    try:
        return _keys_in(file.read_text(encoding="utf-8", errors="replace"))  # whatever else is in it is nobody's key
    except OSError as error:
        raise InventoryError(f"{file} cannot be read: {error.strerror}", hint=f"ls -l {file}") from None


def _keys_in(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip().upper().startswith(_MARK)]
