"""Showing what changes in a tree: each path, and for a few small texts the lines."""

from __future__ import annotations

import hashlib
from typing import Dict, List

from windlass.agent.core import atomic, attributes, diffs, ownership
from windlass.agent.core.context import Context
from windlass.agent.core.delta import Incoming
from windlass.agent.core.tree_difference import Difference
from windlass.agent.core.tree_manifest import Entry, Wanted

MOST_FILES, MOST_BYTES = 20, 256 * 1024  # whose lines are shown; more is no longer read by anybody
LONGEST = 64 * 1024
MOST_LINES = 20_000  # of paths


def fetch(difference: Difference, wanted: Wanted, context: Context) -> Dict[str, bytes]:
    """The new contents whose lines are shown, by checksum. They need not travel again when the files are made."""
    chosen: List[Entry] = []
    total = 0
    for entry in difference.replaced if not wanted.sensitive else ():
        size = max(entry.size, difference.has[entry.path].st_size)
        if entry.kind == "f" == difference.kind(entry.path) and size <= LONGEST and total + size <= MOST_BYTES:
            chosen.append(entry)
            total += size
    chosen = chosen[:MOST_FILES]
    if not chosen:
        return {}
    incoming = Incoming(context.fetch(wanted.digest, want=[[entry.index, entry.index + 1] for entry in chosen]))
    contents = [incoming.take(entry.size) for entry in chosen]
    return {hashlib.sha256(content).hexdigest(): content for content in contents}


def told(difference: Difference, wanted: Wanted, known: Dict[str, bytes]) -> str:
    """Every path that changes, and how."""
    lines = ["+" + _shown(entry, difference) for entry in difference.made]
    lines += [_replaced(entry, difference, known) for entry in difference.replaced]
    lines += ["-" + difference.place(path) for path in difference.surplus]
    lines += [_marked(entry, difference, wanted) for entry in difference.marked]
    if len(lines) > MOST_LINES:
        lines[MOST_LINES:] = ["and %d more" % (len(lines) - MOST_LINES)]
    return "\n".join(lines)


def _shown(entry: Entry, difference: Difference) -> str:
    path = difference.place(entry.path)
    return path + ("/" if entry.kind == "d" else " -> " + entry.value if entry.kind == "l" else " (%d bytes)" % entry.size)


def _replaced(entry: Entry, difference: Difference, known: Dict[str, bytes]) -> str:
    path = difference.place(entry.path)
    if entry.value in known and difference.kind(entry.path) == "f" and not attributes.holds_secret(path):
        return diffs.text_diff(atomic.read_or_none(path), known[entry.value], path)
    if entry.kind == "f" == difference.kind(entry.path):
        return "%s: %d bytes become %d bytes" % (path, difference.has[entry.path].st_size, entry.size)
    return "%s: becomes %s" % (path, _shown(entry, difference)[len(path) :].strip() or "a directory")


def _marked(entry: Entry, difference: Difference, wanted: Wanted) -> str:
    path = difference.place(entry.path)
    status, changes = difference.has[entry.path], []
    owner, group, mode = ownership.names_and_mode(status)
    if wanted.ids[0] not in (-1, status.st_uid) or wanted.ids[1] not in (-1, status.st_gid):
        changes.append("owner %s:%s becomes %s:%s" % (owner, group, wanted.owner or owner, wanted.group or group))
    if entry.kind != "l" and mode != entry.mode:
        changes.append("mode %04o becomes %04o" % (mode, entry.mode))
    return "%s: %s" % (path, ", ".join(changes))
