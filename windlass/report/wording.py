"""The words of the progress: which events are worth a line, and how the end of a run is summed up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from windlass import events
from windlass.report.progress import HostProgress, Progress
from windlass.values import counted as counted_of
from windlass.values import human_seconds

SIGN_EVERY = 10.0  # seconds

_DONE = {"changed": "changed", "unknown": "changed", "failed": "FAILED"}
_FORESEEN = {"changed": "would change", "unknown": "unknown until run", "failed": "FAILED"}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the log. `kind` is step, note, warning, output, changed, unknown or failed; `host` is empty for the whole."""

    kind: str
    text: str
    host: str = ""


def line_of(event: events.Event, progress: Progress | None = None, *, check: bool = False) -> Line | None:
    """The line for an event, None where it is not worth one: where it says what `progress` shows to have been said already."""
    match event:
        case events.StepStarted():
            return Line("step", f"{event.step}{_on(event.hosts)}")
        case events.StepEnded():
            return _step_end(event, progress)
        case events.OperationEnded(status="changed" | "unknown" | "failed"):
            return _operation(event, check=check)
        case events.HostEnded(failed=message) if message and not _has_failed_operation(event.host, progress):
            return Line("failed", message, event.host)
        case events.Note():
            return Line("warning" if event.warning else "note", event.text, event.host)
    return None


def output_lines(event: events.OperationOutput) -> list[Line]:
    """What a program wrote, a line each; what was too much is counted."""
    missed = [Line("output", f"… {counted_of(event.missed, 'line')} more …", event.host)] if event.missed else []
    return [*missed, *(Line("output", text, event.host) for text in event.lines)]


def sign_of_life(event: events.OperationOutput, progress: Progress) -> Line | None:
    """One line for all that a program wrote in ten seconds: it still runs, and this is what it is at."""
    host, now = progress.hosts.get(event.host), progress.clock()
    if host is None or not event.lines or now - host.said_at < SIGN_EVERY:
        return None
    host.said_at = now
    return Line("note", f"still at {host.current} ({human_seconds(now - host.current_since)}): {event.lines[-1]}", event.host)


def _has_failed_operation(host: str, progress: Progress | None) -> bool:
    return progress is not None and host in progress.hosts and progress.hosts[host].counts["failed"] > 0


def _step_end(event: events.StepEnded, progress: Progress | None) -> Line:
    state = "failed after" if event.failed else "done in"
    detail = f": {event.detail}" if event.detail else ""
    where = _on(_of_some(event, progress))
    return Line("failed" if event.failed else "step", f"{event.step}{where} {state} {human_seconds(event.seconds)}{detail}")


def _of_some(event: events.StepEnded, progress: Progress | None) -> tuple[str, ...]:
    """The hosts of the step that ended, where others take part in the run: it may come again, with them."""
    ended = (step for step in reversed(progress.steps) if step.name == event.step) if progress else iter(())
    hosts = next((step.hosts for step in ended if step.seconds == event.seconds), ())
    return hosts if progress and set(hosts) != set(progress.hosts) else ()


def _operation(event: events.OperationEnded, *, check: bool) -> Line:
    word = (_FORESEEN if check else _DONE)[event.status]
    summary = f" ({event.summary})" if event.summary else ""
    return Line(event.status, f"{word}: {event.title}{summary}", event.host)


def _on(hosts: tuple[str, ...]) -> str:
    if len(hosts) > 6:
        return f" on {len(hosts)} hosts"
    return f" on {', '.join(hosts)}" if hosts else ""


def counted(host: HostProgress, *, check: bool = False) -> str:
    """`40 ok, 3 changed`: what a host came to, without what did not occur."""
    changed = "would change" if check else "changed"
    words = {"ok": "ok", "changed": changed, "unknown": "unknown until run", "skipped": "skipped", "failed": "failed"}
    found = [f"{host.counts[status]} {word}" for status, word in words.items() if host.counts.get(status)]
    return ", ".join(found) or "nothing done"


def summary_lines(progress: Progress, *, check: bool = False) -> list[Line]:
    """One line per host that took part, and nothing else: what happened has been said already."""
    return [_host_line(host, check=check) for host in _sorted(progress.hosts.values())]


def _host_line(host: HostProgress, *, check: bool) -> Line:
    kind = host.status if host.status in ("failed", "changed", "ok") else "note"
    seconds = f", {human_seconds(host.ended - host.began)}" if host.ended is not None else ""
    return Line(kind, f"{counted(host, check=check)}{seconds}", host.name)


def _sorted(hosts: Iterable[HostProgress]) -> list[HostProgress]:
    return sorted(hosts, key=lambda host: host.name)
