"""Failures as annotations, for runs inside GitHub Actions: lines that it shows beside the commit."""

from __future__ import annotations

from collections.abc import Sequence

from windlass.errors import WindlassError
from windlass.history.ledger import HostBooks

MOST = 10  # as many as GitHub shows of a step


def error_lines(hosts: Sequence[HostBooks], error: WindlassError | None) -> list[str]:
    """A line for each operation that failed and each host that did; one for the whole where no host failed."""
    lines: list[str] = []
    for host in hosts:
        failed = [entry for entry in host.entries if entry.status == "failed"]
        lines += [_line(f"{host.name}: {entry.title}", "\n".join([entry.summary, *entry.last_lines])) for entry in failed]
        if host.status == "failed" and not failed:
            lines.append(_line(host.name, host.message))
    if error is not None and not lines:
        lines.append(_line("windlass", "\n".join([error.message, *error.last_lines])))
    return lines[:MOST]


def _line(title: str, text: str) -> str:
    return f"::error title={_escaped(title).replace(':', '%3A').replace(',', '%2C')}::{_escaped(text)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
