"""The settings of the role python; what they mean and their values are in defaults.yml."""

from __future__ import annotations

from typing import Annotated

from windlass.inventory.schema import Entry, Matching

Interpreter = Annotated[str, Matching(r"/?[A-Za-z0-9][A-Za-z0-9._/-]*", "a program such as python3 or /opt/python/bin/python3.13")]
DebianPackage = Annotated[str, Matching(r"[a-z0-9][a-z0-9+.-]+", "the name of a Debian package such as python3-venv")]


class Settings(Entry):
    """See defaults.yml."""

    interpreter: Interpreter
    packages: tuple[DebianPackage, ...]
    more_packages: tuple[DebianPackage, ...]
