"""Files that the host fetches itself."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

from windlass.errors import InventoryError
from windlass.operations.operation import Operation, check_place
from windlass.values import Secret

_LENGTHS: Final = {"sha256": 64, "sha512": 128}


@dataclass(frozen=True, slots=True, kw_only=True)
class Download(Operation):
    """A file from an address, fetched only if the file with this checksum is not there yet.

    It is streamed under a partial name and renamed when the checksum agrees. The host's proxies and certificates hold.

    url            http, https or file
    checksum       "sha256:<hex>", "sha512:<hex>", or as npm writes it: "sha512-<base64>"
    headers        of the request, such as {"Authorization": Secret("Bearer …")}; not for where it redirects to
    mode           permission bits as octal text, "0644"
    limit_seconds  how long all of it may take
    """

    family: ClassVar[str] = "download"

    url: str
    path: str
    checksum: str
    headers: Mapping[str, str | Secret] = field(default_factory=dict)
    owner: str = "root"
    group: str = "root"
    mode: str = "0644"
    limit_seconds: float = 900.0

    def __post_init__(self) -> None:
        check_place(self.path, self.mode)
        if not self.url.startswith(("http://", "https://", "file://")):
            raise InventoryError(f"{self.url!r} is not an address to download from", hint="http, https and file are known")
        if "@" in self.url.split("/")[2]:
            raise InventoryError(
                f"the address for {self.path} holds who logs in", hint='give headers: {"Authorization": Secret("Basic …")}'
            )
        parsed_checksum(self.checksum)

    def title(self) -> str:
        return f"download {self.path}"

    def arguments(self) -> Mapping[str, object]:
        algorithm, digest = parsed_checksum(self.checksum)
        return {
            "url": self.url,
            "path": self.path,
            "headers": self.headers,
            "algorithm": algorithm,
            "digest": digest,
            "owner": self.owner,
            "group": self.group,
            "mode": self.mode,
            "limit_seconds": self.limit_seconds,
        }


def parsed_checksum(text: str) -> tuple[str, str]:
    """Algorithm and hexadecimal digest. Raises InventoryError for what is neither of the known ways to write one."""
    match = re.fullmatch(r"(sha256|sha512)([:-])(\S+)", text)
    if match:
        algorithm, separator, value = match.groups()
        digest = value.lower() if separator == ":" else _from_base64(value)
        if re.fullmatch(f"[0-9a-f]{{{_LENGTHS[algorithm]}}}", digest):
            return algorithm, digest
    raise InventoryError(
        f"{text!r} is not a checksum", hint="write sha256:<64 hex digits>, sha512:<128 hex digits> or sha512-<base64>"
    )


def _from_base64(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).hex()
    except binascii.Error:
        return ""
