"""Where Debian packages come from: sources of apt, each with the key that signs it."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from windlass.errors import InventoryError
from windlass.operations.keyring import dearmored
from windlass.operations.operation import LocalFile, Operation

_NAME = r"[A-Za-z0-9_-][A-Za-z0-9_.-]*"


@dataclass(frozen=True, slots=True, kw_only=True)
class AptRepository(Operation):
    """A source of packages, in /etc/apt/sources.list.d/NAME.sources; its list is fetched when something about it changed.

    It is tried out first: a source that apt cannot use (a wrong address, another's key) would break every later use of apt.

    name           of the file
    uris           addresses, tried in this order
    suites         such as "bookworm"; one that ends in a slash is a path, without components
    components     such as "main"
    key            the public key that signs it, ASCII-armored text or a local file (armored or not); kept in /etc/apt/keyrings
    signed_by      or the path of a keyring that is on the host
    architectures  only these; empty: the host's own
    types          "deb", "deb-src"
    options        further fields of the file, such as {"Check-Valid-Until": "no"}
    update         try it out and fetch its list when something changed
    absent         there should be no such source; a key that came with it goes, too
    limit_seconds  how long fetching the list may take
    """

    family: ClassVar[str] = "apt"

    name: str
    uris: tuple[str, ...] = ()
    suites: tuple[str, ...] = ()
    components: tuple[str, ...] = ()
    key: str | LocalFile | None = None
    signed_by: str = ""
    architectures: tuple[str, ...] = ()
    types: tuple[str, ...] = ("deb",)
    options: Mapping[str, str] | None = None
    update: bool = True
    absent: bool = False
    limit_seconds: float = 300.0

    def __post_init__(self) -> None:
        if not re.fullmatch(_NAME, self.name):
            raise InventoryError(
                f"{self.name!r} cannot name a source of apt", hint="apt reads only files named with letters, digits, - _ and ."
            )
        if not self.absent:
            self._check()

    def _check(self) -> None:
        if not self.uris or not self.suites:
            raise InventoryError(f"source {self.name} of apt: uris and suites are needed", hint='uris=("https://…/debian",)')
        if self.key is not None and self.signed_by:
            raise InventoryError(f"source {self.name} of apt has both a key and signed_by", hint="give the one that you mean")
        flat = [suite.endswith("/") for suite in self.suites]
        if any(flat) == bool(self.components) or any(flat) != all(flat):
            raise InventoryError(
                f"source {self.name} of apt: suites and components do not fit",
                hint='suites=("bookworm",) want components=("main",); a path such as suites=("./",) wants none',
            )
        if any("\n" in text for text in (*self.uris, *self.suites, *self.components, *(self.options or {}).values())):
            raise InventoryError(f"source {self.name} of apt: a value has more than one line")

    def title(self) -> str:
        return f"{'no ' if self.absent else ''}source {self.name} of apt"

    def content(self) -> str:
        """The file's text, in the form of deb822."""
        keyring = self.signed_by or (f"/etc/apt/keyrings/{self.name}.gpg" if self.key is not None else "")
        values = {
            "Types": " ".join(self.types),
            "URIs": " ".join(self.uris),
            "Suites": " ".join(self.suites),
            "Components": " ".join(self.components),
            "Architectures": " ".join(self.architectures),
            "Signed-By": keyring,
            **(self.options or {}),
        }
        lines = [f"{field}: {value}\n" for field, value in values.items() if value]
        return "# Written by Windlass: changes made here are lost.\n" + "".join(lines)

    def arguments(self) -> Mapping[str, object]:
        return {
            "path": f"/etc/apt/sources.list.d/{self.name}.sources",
            "content": "" if self.absent else self.content(),
            "keyring": f"/etc/apt/keyrings/{self.name}.gpg",
            "key": "" if self.key is None or self.absent else base64.b64encode(dearmored(self._key(), self.name)).decode(),
            "update": self.update,
            "absent": self.absent,
            "limit_seconds": self.limit_seconds,
        }

    def _key(self) -> bytes:
        return self.key.path.read_bytes() if isinstance(self.key, LocalFile) else str(self.key).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class AptHold(Operation):
    """Packages that no upgrade touches, until they are let go.

    names   of packages
    absent  upgrades may touch them
    """

    family: ClassVar[str] = "apt"

    names: tuple[str, ...]
    absent: bool = False

    def title(self) -> str:
        return f"{'no ' if self.absent else ''}hold of {', '.join(self.names)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AptUpgrade(Operation):
    """The newest versions of packages that are installed, as far as the host's sources have them. Held ones stay.

    A check goes by the list of packages as it is: it fetches none, and says "unknown until run" where the list is old.

    names               these; empty: all, as `apt-get upgrade` does, which removes none
    autoremove          packages that came for others alone, and that nothing needs any more, go
    update_after_hours  how old the list of packages may be
    limit_seconds       how long one call of apt-get may take
    """

    family: ClassVar[str] = "apt"

    names: tuple[str, ...] = ()
    autoremove: bool = False
    update_after_hours: float = 24.0
    limit_seconds: float = 1800.0

    def title(self) -> str:
        return f"newest {', '.join(self.names) or 'packages'}"
