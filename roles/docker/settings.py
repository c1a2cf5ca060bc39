"""The settings of the role docker; what they mean and their values are in defaults.yml."""

from __future__ import annotations

from typing import Annotated

from windlass.inventory.schema import Entry, Matching

DebianPackage = Annotated[str, Matching(r"[a-z0-9][a-z0-9+.-]+", "the name of a Debian package such as docker.io")]


class Settings(Entry):
    """See defaults.yml."""

    packages: tuple[DebianPackage, ...]
