"""What `status` says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from windlass.tasks.typed import typed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from windlass.flows.deployment.overview import ApplicationStatus
    from windlass.flows.deployment.slot_rows import InstanceSeen, Row
    from windlass.tasks.door import Outcome


def shown(found: Sequence[ApplicationStatus], *, processes: bool = False) -> Outcome:
    """All applications, a line for each slot; with `processes` a line for each process, too. One that is sick makes it fail."""
    from dataclasses import asdict

    from windlass.errors import FlowFailed
    from windlass.report.prose import prose
    from windlass.report.tables import table
    from windlass.tasks.door import Outcome
    from windlass.values import counted, human_bytes, human_seconds

    head = ["application", "host", "slot", "release", "", "age", "health", "processes", "memory", "cpu", "connections"]
    rows = [
        [
            each.application,
            row.host,
            row.slot,
            row.release,
            "live" if row.live else "warm",
            human_seconds(row.age) if row.age else "",
            "ok" if row.healthy else "SICK",
            row.processes,
            human_bytes(row.memory),
            f"{row.cpu:g} %",
            str(row.connections),
        ]
        for each in found
        for row in each.rows
    ]
    said = [prose([line]) for each in found for line in _remarks(each)]
    lost = {host: message for each in found for host, message in each.unreachable.items()}
    lines = [*([table(head, rows)] if rows else [] if lost else ["nothing is deployed yet"]), *said]
    if processes and rows:
        lines[1:1] = ["", _processes(found), ""]
    sick = {row.host: row.why for each in found for row in each.rows if row.live and not row.healthy}
    ways = [*(["invoke app.logs shows their last words"] if sick else []), *(hint for each in found for hint in each.hints)]
    sick |= lost
    error = FlowFailed(f"not well: {counted(len(sick), 'host')}", hosts=sick, hint="; ".join(dict.fromkeys(ways)))
    return Outcome(result={"applications": [asdict(each) for each in found]}, text="\n".join(lines), error=error if sick else None)


def _processes(found: Sequence[ApplicationStatus]) -> str:
    """A line for each process: what it uses, and what it may."""
    from windlass.report.tables import table
    from windlass.values import human_bytes, human_seconds

    rows = [
        [
            each.application,
            row.host,
            f"{row.slot}-{seen.name}",
            str(seen.pid or ""),
            human_seconds(seen.uptime) if seen.running else "asleep" if not row.live else "down",
            str(seen.starts),
            human_bytes(seen.memory) if seen.running else "",
            human_bytes(seen.memory_limit) if seen.memory_limit else "",
            f"{seen.cpu:g} %" if seen.running else "",
        ]
        for each in found
        for row in each.rows
        for seen in row.instances
    ]
    return table(["application", "host", "process", "pid", "up", "starts", "memory", "limit", "cpu"], rows)


def _remarks(each: ApplicationStatus) -> list[str]:
    said = []
    if each.back:
        first = each.back[0]
        said.append(f"{each.application} can go back to {first.release} ({'warm' if first.warm else 'cold'}): {typed('rollback')}")
    if each.busy:
        said.append(f"{each.application}: {each.busy}")
    elif not each.agree:
        said.append(f"{each.application}: the hosts serve different releases; the next deploy or rollback brings them together")
    if each.story:
        said.append(f"{each.application}: {each.story} (the next deploy or rollback does that)")
    return [*said, *(f"{each.application} on {row.host}: {_unsteady(row)}" for row in each.rows if _restarted(row))]


def _restarted(row: Row) -> list[InstanceSeen]:
    return [seen for seen in row.instances if seen.restarts]


def _unsteady(row: Row) -> str:
    """Which processes do not stay up, which a gate that looked for some seconds could not see."""
    from windlass.values import human_seconds

    often = (f"{seen.name} {'once' if seen.restarts == 1 else f'{seen.restarts} times'}" for seen in _restarted(row))
    return (
        f"restarted since {row.release} went live {human_seconds(row.age)} ago: {', '.join(often)} ({typed('app.logs')} says why)"
    )
