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
    hosts, words = sorted(hosts, key=lambda host: host.name), FORESEEN if check else DONE
    grouped: dict[str, dict[str, list[str]]] = {word: {} for word in dict.fromkeys(words.values())}
    for host in hosts:
        for change in host.changes:
            grouped[words[change.status]].setdefault(change.title, []).append(host.name)
        if host.failed and not host.counts["failed"]:
            grouped["failed"].setdefault(host.failed.splitlines()[0], []).append(host.name)
    return "\n".join(row for word, operations in grouped.items() for row in _rows(word, operations, alone=len(hosts) == 1))


def _rows(word: str, operations: dict[str, list[str]], *, alone: bool) -> list[str]:
    """Under the word; where there is one host alone, nobody asks on which."""
    if not operations:
        return []
    shown = list(operations.items())[:MOST]
    rows = [f"  {title}" if alone else _row(title, list(dict.fromkeys(names))) for title, names in shown]
    rest = len(operations) - MOST
    return [f"{word}:", *rows, *([f"  … and {rest} more: invoke history.show last"] if rest > 0 else [])]


def _row(title: str, hosts: list[str]) -> str:
    """What failed before any operation begins with the host that it is about."""
    return f"  {title}" if title.startswith(f"{hosts[0]} ") else f"  {title}: {_named(hosts)}"


def _named(hosts: list[str]) -> str:
    shown = ", ".join(hosts[:MOST_NAMES])
    return f"{shown} and {len(hosts) - MOST_NAMES} more" if len(hosts) > MOST_NAMES else shown
