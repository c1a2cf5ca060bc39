"""Units of systemd: what it says of one, and having it do something with one."""

from __future__ import annotations

from typing import Callable, Dict, List

from windlass.agent.core import process
from windlass.agent.core.outcome import OperationError

PROPERTIES = "LoadState,ActiveState,SubState,UnitFileState,NeedDaemonReload,CanReload"


def look(unit: str) -> Dict[str, str]:
    """What systemd says of a unit, in one question. `LoadState` is `not-found` for one that there is not."""
    shown = process.must(["systemctl", "show", "--property=" + PROPERTIES, "--", unit], limit=30)
    state = dict.fromkeys(PROPERTIES.split(","), "")
    state.update(line.partition("=")[::2] for line in shown.text.splitlines() if "=" in line)
    return state


def action(unit: str, verb: str, limit: float) -> Callable[[], None]:
    """Enable, disable, start, stop, restart or reload; a failure shows the unit's own last words. Raises OperationError."""

    def act() -> None:
        begins = verb in ("start", "restart")
        if begins:
            process.run(["systemctl", "reset-failed", "--", unit], limit=30)  # one that failed too often may be tried again
        completed = process.run(["systemctl", verb, "--quiet", "--", unit], limit=limit)
        if completed.status != 0 or (begins and look(unit)["ActiveState"] == "failed"):
            words = completed.last_lines(3) + (_journal(unit) if begins or verb == "reload" else [])
            hint = "the last lines are its own; see systemctl status %s" % unit
            raise OperationError("%s of %s failed" % (verb, unit), hint=hint, last_lines=words)

    return act


def _journal(unit: str) -> List[str]:
    command = ["journalctl", "--unit", unit, "--lines", "15", "--no-pager", "--output", "cat", "--quiet"]
    return process.run(command, limit=30).text.splitlines()
