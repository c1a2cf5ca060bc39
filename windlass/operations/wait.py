"""Waiting until something of a host's surroundings is so."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from windlass.errors import InventoryError
from windlass.operations.operation import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitFor(Operation):
    """Wait, on the host, until a port answers, a path is there, or an address says what it should. Never counts as a change.

    When the time is over, the error says what was seen last. A check does not wait; it says what is so now.

    port           a TCP port that takes connections
    address        of the port; the host itself if empty
    path           something in the host's file system
    url            http or https; answers with one of `statuses`
    statuses       that are good answers of `url`
    contains       a regular expression that is found in the path's content, or in the answer of `url`
    absent         wait until the port takes none any more, the path is gone, `url` does not answer like that
    limit_seconds  how long to wait in all
    every_seconds  how long between two looks
    """

    family: ClassVar[str] = "wait"

    port: int | None = None
    address: str = ""
    path: str = ""
    url: str = ""
    statuses: tuple[int, ...] = (200,)
    contains: str = ""
    absent: bool = False
    limit_seconds: float = 60.0
    every_seconds: float = 0.5

    def __post_init__(self) -> None:
        if [self.port is not None, bool(self.path), bool(self.url)].count(True) != 1:
            raise InventoryError("a WaitFor waits for one thing", hint="give port, path or url")
        if self.port is not None and (self.contains or not 0 < self.port < 65536):
            raise InventoryError(f"a WaitFor cannot wait for port {self.port} like that", hint="1 to 65535, without contains")
        if self.url and not self.url.startswith(("http://", "https://")):
            raise InventoryError(f"a WaitFor cannot ask {self.url}", hint="write http://… or https://…")
        try:
            re.compile(self.contains)
        except re.error as error:
            raise InventoryError(f"{self.contains!r} is not a regular expression: {error}") from None

    def title(self) -> str:
        what = f"port {self.address}:{self.port}".replace(" :", " ") if self.port is not None else self.path or self.url
        return f"wait {'until there is no' if self.absent else 'for'} {what}"
