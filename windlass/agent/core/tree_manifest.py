"""What a tree should hold, as the controller describes it."""

from __future__ import annotations

import base64
import json
import re
import zlib
from typing import Any, Dict, List

from windlass.agent.core import atomic
from windlass.agent.core.outcome import OperationError

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

    def __init__(self, arguments: Dict[str, Any]) -> None:
        source = arguments["source"]
        described = json.loads(zlib.decompress(base64.b64decode(source["manifest"])))
        self.sha256 = str(source["sha256"])
        self.delete = bool(arguments["delete"])
        self.squeeze = bool(arguments["compress"])
        self.sensitive = bool(arguments["sensitive"])
        self.entries: Dict[str, Entry] = {"": Entry(-1, ["", "d", 0o755, 0, ""])}
        self.entries.update((each[0], Entry(index, each)) for index, each in enumerate(described))
        self._skipped = re.compile(source["skipped"])
        self._add_parents()
        self._set_modes(arguments["file_mode"], arguments["directory_mode"])
        self.owner, self.group = arguments["owner"], arguments["group"]
        try:
            self.ids = atomic.owner_ids(self.owner, self.group)
        except OperationError:
            self.ids = (NOBODY_YET, NOBODY_YET)

    def is_skipped(self, path: str) -> bool:
        """Whether the patterns leave it out, so that it is nobody's business here."""
        return self._skipped.search(path) is not None

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
