"""A large file, or a tree of small ones."""

from __future__ import annotations

from pathlib import Path

from windlass.operations.file import File
from windlass.operations.local_tree import LocalTree
from windlass.operations.operation import LocalFile, Operation
from windlass.operations.tree import Tree
from windlass.plans.topology import HostView

from .settings import Settings


def steps(_host: HostView, settings: Settings) -> list[Operation]:
    """Whichever is named."""
    return [
        *([File(path="/srv/transfer/large.bin", content=LocalFile.of(Path(settings.file)))] if settings.file else []),
        *([Tree(path="/srv/transfer/tree", source=LocalTree.of(Path(settings.tree)))] if settings.tree else []),
    ]
