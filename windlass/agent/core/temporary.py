"""A folder for a moment.

Python's own `TemporaryDirectory` asks things of `shutil` that an older one lacks: where python3-minimal has none, it is the
controller's that is sent along.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from typing import Iterator, Optional


@contextlib.contextmanager
def folder(name: str, place: Optional[str] = None) -> Iterator[str]:
    """One that this user alone may enter, and that goes at the end. `name` is how its own begins, after ours."""
    path = tempfile.mkdtemp(prefix="windlass-%s-" % name, dir=place)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
