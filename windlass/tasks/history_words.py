"""How the history is told."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from windlass.history.database import HostRow, OperationRow, RunRow
from windlass.report.errors import last_words, wrapped
from windlass.report.summary import DONE, FORESEEN
from windlass.report.tables import table, terminal_width
from windlass.values import human_bytes, human_seconds

LONG = 5  # operations that are shown for having taken long


def run_object(run: RunRow, hosts: Sequence[HostRow], state: str) -> dict[str, Any]:
    """A run for `--json`."""
    began = datetime.fromtimestamp(run.began, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return asdict(run) | {"began": began, "status": state.replace(" ", "_"), "hosts": {host.host: asdict(host) for host in hosts}}


def operation_object(operation: OperationRow) -> dict[str, Any]:
    """An operation for `--json`."""
    return asdict(operation)


def runs_table(found: Sequence[tuple[RunRow, list[HostRow]]], states: Mapping[str, str]) -> str:
    """A line for each run. The id tells when, in UTC. Environment and who ran it are there where they tell runs apart."""
    where = len({run.environment for run, _hosts in found}) > 1
    several = len({run.operator for run, _hosts in found}) > 1
    rows = [
        (
            run.run,
            " ".join(filter(None, (run.task, run.environment if where else "", "--check" if run.checked else ""))),
            states[run.run].replace("_", " "),
            str(sum(host.changed for host in hosts) or ""),
            human_seconds(run.seconds) if states[run.run] not in ("running", "broke off") else "",
            _failed(hosts),
            run.operator if several else "",
        )
        for run, hosts in found
    ]
    return table(("run", "what", "came to", "changed", "took", "failed", "by"), rows)


def _failed(hosts: Sequence[HostRow]) -> str:
    """On how many hosts, where there are several: `1 of 3`."""
    failed = sum(host.status == "failed" for host in hosts)
    return f"{failed} of {len(hosts)}" if failed and len(hosts) > 1 else ""


def shown(run: RunRow, hosts: Sequence[HostRow], operations: Sequence[OperationRow], state: str) -> str:
    """A whole run: failures first, then changes, then what took long, then what to type next."""
    parts = [_headline(run, hosts, state), _failures(run, hosts, operations), _hosts(hosts)]
    parts += [_changes(run, operations, alone=len(hosts) == 1), _slow(operations), _next(run, hosts, state)]
    return "\n\n".join(part for part in parts if part)


def _headline(run: RunRow, hosts: Sequence[HostRow], state: str) -> str:
    took = f" in {human_seconds(run.seconds)}" if run.seconds else ""
    sent, received = (human_bytes(sum(getattr(host, name) for host in hosts)) for name in ("bytes_sent", "bytes_received"))
    lines = [f"{run.run}  {state.replace('_', ' ')}{took}", f"  {run.command}"]
    travelled = f"; {sent} sent, {received} received" if hosts else ""
    lines.append(f"  began {_moment(run.began)} by {run.operator}{travelled}")
    return "\n".join(lines)


def _failures(run: RunRow, hosts: Sequence[HostRow], operations: Sequence[OperationRow]) -> str:
    lines = [_fit(f"error: {run.message}", "  ")] if run.message else []
    for host in hosts:
        mine = [each for each in operations if each.host == host.host and each.status == "failed"]
        if host.status == "failed" and not mine and host.message != run.message:
            lines.append(_fit(f"  {host.host}: {host.message}"))
        for each in mine:
            told = f"{each.title} failed on {host.host}: {each.summary}" in run.message
            lines += [] if told else [_fit(f"  {host.host}: {each.title}: {each.summary}")]
            lines += [f"    | {line}" for line in last_words(each.last_lines)]
    return "\n".join(lines)


def _hosts(hosts: Sequence[HostRow]) -> str:
    head = ("host", "came to", "ok", "changed", "failed", "connecting", "waiting", "working", "trips")
    return table(head, [_host(host) for host in hosts]) if hosts else ""


def _host(host: HostRow) -> tuple[str, ...]:
    counts = (str(host.ok), str(host.changed), str(host.failed))
    times = tuple(human_seconds(each) for each in (host.connecting, host.waiting, host.working))
    return (host.host, host.status, *counts, *times, str(host.round_trips))


def _changes(run: RunRow, operations: Sequence[OperationRow], *, alone: bool) -> str:
    words = FORESEEN if run.checked else DONE
    grouped: dict[str, dict[str, list[str]]] = {words["changed"]: {}, words["unknown"]: {}}
    for each in operations:
        if each.status in ("changed", "unknown"):
            grouped[words[each.status]].setdefault(each.title, []).append(each.host)
    lines = []
    for word, titles in grouped.items():
        lines += [f"{word}:"] if titles else []
        lines += [_fit(f"  {title}" if alone else f"  {title}: {', '.join(dict.fromkeys(on))}") for title, on in titles.items()]
    return "\n".join(lines)


def _slow(operations: Sequence[OperationRow]) -> str:
    longest = sorted(operations, key=lambda each: -each.seconds)[:LONG]
    slow = [each for each in longest if each.seconds >= 0.001]
    lines = [_fit(f"  {human_seconds(each.seconds):>10}  {each.host}  {each.title}", " " * 14) for each in slow]
    return "\n".join(["took longest:", *lines]) if lines else ""


def _next(run: RunRow, hosts: Sequence[HostRow], state: str) -> str:
    """What a person wants to type now; nothing where all is well."""
    if state in ("done", "running"):
        return ""
    words = shlex.split(run.command)
    failed = [host.host for host in hosts if host.status == "failed"]
    if run.task == "setup" and failed and len(failed) < len(hosts) and not any(word.startswith("--limit") for word in words):
        words += ["--limit", ",".join(failed)]
    lines = [f"hint: {run.hint}"] if run.hint else []
    lines.append(f"next: {shlex.join(words)}")
    if run.task == "setup" and state == "broke off" and not run.checked and "--resume" not in run.command:
        lab = ["--lab"] if "--lab" in words else []
        as_begun = [*words[:1], "setup", "--env", run.environment.removesuffix(" (lab)"), *lab, "--resume", run.run]
        lines.append(f"or, with the values that it was begun with: {shlex.join(as_begun)}")
    return "\n".join(lines)


def _fit(line: str, indent: str = "    ") -> str:
    """Cut between words on a terminal that is too narrow."""
    return wrapped(line, terminal_width(sys.stdout), indent)


def _moment(seconds: float) -> str:
    """In UTC, as the runs' ids have it."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
