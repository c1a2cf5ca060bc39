"""Units of systemd: what it says of them, and having it do something with one."""

from __future__ import annotations

from typing import Callable, Dict, List

from windlass.agent.core import manager, process
from windlass.agent.core.outcome import OperationError

PROPERTIES = ["LoadState", "LoadError", "ActiveState", "SubState", "UnitFileState", "NeedDaemonReload", "CanReload", "FragmentPath"]
LOOK_LIMIT = 30.0  # seconds
ASK = ["systemctl", "show", "--property=" + ",".join(PROPERTIES), "--"]


def look(unit: str) -> Dict[str, str]:
    """What systemd says of a unit, in one question. `LoadState` is `not-found` for one that there is not."""
    said = manager.ask([unit], PROPERTIES)
    return said[unit] if said else _state(process.must([*ASK, unit], limit=LOOK_LIMIT).text)


def look_at_all(units: List[str]) -> Dict[str, Dict[str, str]]:
    """The same of several, in one question; nothing if one of the names is none: whoever has it will hear so from `look`."""
    return manager.ask(units, PROPERTIES) or by_systemctl(units)


def by_systemctl(units: List[str]) -> Dict[str, Dict[str, str]]:
    """The same from the program."""
    shown = process.run([*ASK, *units], limit=LOOK_LIMIT)
    blocks = shown.text.strip("\n").split("\n\n")
    if shown.status != 0 or len(blocks) != len(units):
        return {}
    return {unit: _state(blocks[index]) for index, unit in enumerate(units)}


def _state(text: str) -> Dict[str, str]:
    state = dict.fromkeys(PROPERTIES, "")
    state.update(line.partition("=")[::2] for line in process.lines(text) if "=" in line)
    return state


def action(unit: str, verb: str, limit: float) -> Callable[[], None]:
    """Enable, disable, mask, start, stop, restart or reload; a failure shows the unit's own last words. Raises OperationError."""

    def act() -> None:
        begins = verb in ("start", "restart")
        if begins:
            process.must(["systemctl", "daemon-reload"])  # a run that broke off may have left a file that systemd does not know
            process.run(["systemctl", "reset-failed", "--", unit], limit=LOOK_LIMIT)  # one that failed too often may be tried again
        completed = process.run(["systemctl", verb, "--quiet", "--", unit], limit=limit)
        if completed.status != 0 or (begins and look(unit)["ActiveState"] == "failed"):
            words = completed.last_lines(3) + (_journal(unit) if begins or verb == "reload" else [])
            hint = "the last lines are its own; see systemctl status %s" % unit
            raise OperationError("%s of %s failed" % (verb, unit), hint=hint, last_lines=words)

    return act


def _journal(unit: str) -> List[str]:
    command = ["journalctl", "--unit", unit, "--lines", "15", "--no-pager", "--output", "cat", "--quiet"]
    return process.lines(process.run(command, limit=LOOK_LIMIT).text)
