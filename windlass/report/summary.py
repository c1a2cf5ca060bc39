"""What a run came to, operation by operation: failures first, then what changed, each operation once with all its hosts."""

from __future__ import annotations

from collections.abc import Iterable

from windlass.report.progress import HostProgress

MOST = 40  # operations of a kind that are named
MOST_NAMES = 8  # hosts of an operation that are named

DONE = {"failed": "failed", "changed": "changed", "unknown": "changed"}
FORESEEN = {"failed": "failed", "changed": "would change", "unknown": "unknown until run"}


def summary(hosts: Iterable[HostProgress], *, check: bool = False) -> str:
    """Lines for standard output; nothing where nothing failed and nothing changed."""
    words = FORESEEN if check else DONE
    grouped: dict[str, dict[str, list[str]]] = {word: {} for word in dict.fromkeys(words.values())}
    for host in sorted(hosts, key=lambda host: host.name):
        for change in host.changes:
            grouped[words[change.status]].setdefault(change.title, []).append(host.name)
        if host.failed and not host.counts["failed"]:
            grouped["failed"].setdefault(host.failed.splitlines()[0], []).append(host.name)
    return "\n".join(row for word, operations in grouped.items() for row in _rows(word, operations))


def _rows(word: str, operations: dict[str, list[str]]) -> list[str]:
    if not operations:
        return []
    rows = [f"  {title}: {_named(list(dict.fromkeys(names)))}" for title, names in list(operations.items())[:MOST]]
    rest = len(operations) - MOST
    return [f"{word}:", *rows, *([f"  … and {rest} more: invoke history.show last"] if rest > 0 else [])]


def _named(hosts: list[str]) -> str:
    shown = ", ".join(hosts[:MOST_NAMES])
    return f"{shown} and {len(hosts) - MOST_NAMES} more" if len(hosts) > MOST_NAMES else shown
