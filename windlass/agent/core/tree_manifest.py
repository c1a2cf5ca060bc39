"""What a tree should hold, as the controller describes it."""

from __future__ import annotations

import binascii
import zlib
from typing import Any, Dict, List

from windlass.agent.core import ownership, quick_json
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import OperationError
from windlass.agent.core.tree_memory import skipping

NOBODY_YET = -2  # in a check the user may be about to be made; in a run it is an error


class Entry:
    """One thing that should be there. `kind` is `f`, `d` or `l`; `value` a file's SHA-256 or a link's target."""

    __slots__ = ("index", "kind", "mode", "path", "size", "value")

    def __init__(self, index: int, described: List[Any]) -> None:
        self.index = index
        self.path: str = described[0]
        self.kind: str = described[1]
        self.mode: int = described[2]
        self.size: int = described[3]
        self.value: str = described[4]


class Wanted:
    """The whole of it. The tree's own directory is an entry, too: its path is empty."""

    def __init__(self, arguments: Dict[str, Any], context: Context) -> None:
        source = arguments["source"]
        self.digest = str(source["digest"])
        self.delete = bool(arguments["delete"])
        self.squeeze = bool(arguments["compress"])
        self.sensitive = bool(arguments["sensitive"])
        self.entries: Dict[str, Entry] = {"": Entry(-1, ["", "d", 0o755, 0, ""])}
        self.entries.update((each[0], Entry(index, each)) for index, each in enumerate(_described(source, context)))
        self._skipped = skipping(source["skipped"])
        self._add_parents()
        self._set_modes(arguments["file_mode"], arguments["directory_mode"])
        self.owner, self.group = arguments["owner"], arguments["group"]
        try:
            self.ids = ownership.owner_ids(self.owner, self.group)
        except OperationError:
            self.ids = (NOBODY_YET, NOBODY_YET)

    def is_skipped(self, path: str) -> bool:
        """Whether the patterns leave it out, so that it is nobody's business here."""
        return bool(self._skipped(path))

    def _add_parents(self) -> None:
        """With patterns to include, directories are there for the files in them alone."""
        for path in list(self.entries):
            parent = path.rpartition("/")[0]
            while parent not in self.entries:
                self.entries[parent] = Entry(-1, [parent, "d", 0o755, 0, ""])
                parent = parent.rpartition("/")[0]

    def _set_modes(self, file_mode: str, directory_mode: str) -> None:
        for entry in self.entries.values():
            if entry.kind == "d" and directory_mode != "keep":
                entry.mode = int(directory_mode or "0755", 8)
            elif entry.kind == "f" and file_mode != "keep":
                entry.mode = int(file_mode, 8) if file_mode else 0o755 if entry.mode & 0o100 else 0o644


def _described(source: Dict[str, Any], context: Context) -> Any:
    """All entries; the description of a large tree did not come along."""
    along = source.get("description")
    packed = b"".join(context.fetch(source["digest"], describe=True)) if along is None else binascii.a2b_base64(along)
    return quick_json.read(zlib.decompress(packed).decode())
