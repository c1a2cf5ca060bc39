"""Frontends without a process: files that nginx serves by itself."""

from __future__ import annotations

from typing import Annotated, Any

from windlass.inventory.schema import Entry, Matching, RelativePath

_PART = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
OwnPath = Annotated[str, Matching(rf"(?:{_PART}(?:/{_PART})*)?", 'a path in the folder, such as assets, or "" for none')]


class Static(Entry):
    """An application that is only files, such as the build of a Vue or React frontend or a Next export; it has no processes."""

    folder: RelativePath = "dist"
    """The folder with the result of the build, `index.html` in it"""
    assets: OwnPath = "assets"
    """The folder in it whose files have a hash of their content in their names: browsers keep them for ever, hosts as long as a
    release with them; `""`: there is none"""
    fallback: OwnPath = "index.html"
    """What is answered for paths that no file has (a single page with addresses of its own); `""`: 404"""


def static_of(value: Any) -> Any:
    """`static: dist` is the folder and else defaults."""
    return {"folder": value} if isinstance(value, str) else value
