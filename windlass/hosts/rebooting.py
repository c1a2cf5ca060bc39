"""Batches with reboots in them: what comes before, the way down and up again, and what comes after on a new connection."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable
from typing import Final

from windlass import events
from windlass.errors import ConnectionFailed, HostError
from windlass.hosts.agent.results import Result
from windlass.hosts.channel import Channel
from windlass.operations.reboot import Reboot
from windlass.operations.wire import Batch
from windlass.values import human_seconds

PAUSE: Final = 0.5  # seconds between two attempts to reach a host that starts


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """The way to one host.

    open     gives the line that is there, or a new one
    forget   lets go of it, so that the next one is new
    ending   set when nobody wants to wait any more
    """

    host: str
    open: Callable[[], Channel]
    forget: Callable[[], None]
    ending: threading.Event
    listener: events.Listener = events.nobody


def run(line: Line, batch: Batch) -> tuple[Result, ...]:
    """Run a batch through all its reboots. Raises what a channel's `run` raises, ConnectionFailed if a host stays away."""
    ends = [index + 1 for index, operation in enumerate(batch.operations) if isinstance(operation, Reboot)]
    if batch.check or not ends:
        return line.open().run(batch)
    results: tuple[Result, ...] = ()
    for end in dict.fromkeys([*ends, len(batch.operations)]):
        channel = line.open()
        before = tuple(result.changed for result in results)
        results += channel.run(dataclasses.replace(batch, before=before, until=end))
        last = results[-1]
        if isinstance(last.operation, Reboot) and last.changed:
            _come_back(line, channel, last.operation.limit_seconds)
    return results


def _come_back(line: Line, channel: Channel, limit: float) -> None:
    """Let the host go down, and return when it is there again, started anew."""
    began, old, why = time.monotonic(), channel.facts.get("boot_id"), ""
    line.listener(events.Note("reboots", line.host))
    channel.close()  # the agent ends, and with that the host goes down
    line.forget()
    while time.monotonic() - began < limit and not line.ending.wait(PAUSE):
        try:
            facts = line.open().facts
        except HostError as error:
            why = error.message
        else:
            if facts.get("boot_id") != old:
                line.listener(events.Note(f"is back after {human_seconds(time.monotonic() - began)}", line.host))
                return
            why = "it answers, but has not rebooted"
        line.forget()
    raise ConnectionFailed(
        f"{line.host} did not come back from its reboot within {human_seconds(limit)}: {why}"
        if not line.ending.is_set()
        else f"{line.host} was rebooting: interrupted",
        host=line.host,
        hint="look at its console; when it is there again, run the same again: what is done is left alone",
    )
