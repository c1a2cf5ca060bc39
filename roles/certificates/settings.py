"""The settings of the role certificates; what they mean and their values are in defaults.yml."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from windlass.inventory.schema import Entry, Matching

Url = Annotated[str, Matching(r"https://[^\s'\"]+", "an address that begins with https://")]
Path = Annotated[str, Matching(r"/[!-~]*", "a path that begins with /")]
Line = Annotated[str, Matching(r"[^\n]+", "a command on one line")]


class Settings(Entry):
    """See defaults.yml."""

    contact: Annotated[str, Matching(r"(?:[^\s@'\"]+@[^\s@'\"]+)?", "an e-mail address")]
    directory: Url
    staging: bool
    staging_directory: Url
    directory_authority: str
    profile: Annotated[str, Matching(r"[a-zA-Z0-9_-]*", "the name of a profile")]
    renew_at: Line
    deploy_hooks: tuple[Line, ...]
    grade_paths: Mapping[str, tuple[Path, ...]]
