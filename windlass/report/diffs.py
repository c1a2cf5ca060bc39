"""Diffs of a run: the same change on several hosts is shown once, with the hosts it is for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from windlass.report.progress import HostProgress

_GREEN, _RED, _CYAN, _BOLD, _PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[36m", "\x1b[1m", "\x1b[0m"


@dataclass(frozen=True, slots=True)
class SharedDiff:
    """One diff of one operation, and all hosts on which it is the same."""

    title: str
    diff: str
    hosts: tuple[str, ...]


def shared_diffs(hosts: Iterable[HostProgress]) -> list[SharedDiff]:
    """All diffs in the order of the operations, identical ones joined."""
    found: dict[tuple[str, str], list[str]] = {}
    for host in sorted(hosts, key=lambda host: host.name):
        for change in host.changes:
            if change.diff:
                found.setdefault((change.title, change.diff), []).append(host.name)
    return [SharedDiff(title, diff, tuple(names)) for (title, diff), names in found.items()]


def render_diffs(diffs: Iterable[SharedDiff], *, colour: bool = False) -> str:
    """Text for standard output; a blank line between two diffs."""
    return "\n".join(_one(diff, colour=colour) for diff in diffs)


def _one(diff: SharedDiff, *, colour: bool) -> str:
    headline = f"{diff.title} on {', '.join(diff.hosts)}"
    rows = [_painted(row) if colour else row for row in diff.diff.splitlines()]
    return "\n".join([f"{_BOLD}{headline}{_PLAIN}" if colour else headline, *rows]) + "\n"


def _painted(row: str) -> str:
    if row.startswith(("+++", "---")):
        return f"{_BOLD}{row}{_PLAIN}"
    for sign, code in (("@@", _CYAN), ("+", _GREEN), ("-", _RED)):
        if row.startswith(sign):
            return f"{code}{row}{_PLAIN}"
    return row
