"""How changes are made on trial: the way back is on the disk and armed before the first byte is changed."""

from __future__ import annotations

import secrets
import time
from typing import Any, Dict

from windlass.agent.core import frames, process
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import OperationError, Outcome
from windlass.agent.core.trial import Place
from windlass.agent.file import file

GRACE = 30.0  # seconds that the way back itself may take


def guarded(arguments: Dict[str, Any], context: Context) -> Outcome:
    """A file that is put back, unless somebody who comes in anew says that it may stay."""
    place = Place(arguments["guard"])
    if place.is_pending():
        _settle(place, context)
    arguments = dict(arguments, sensitive=False)
    planned = file(arguments, context if context.check else _Looking(context))
    if context.check or not planned.changed:
        return planned
    context.on_trial = True
    try:
        _on_trial(place, arguments, context)
    finally:
        context.on_trial = False
    return Outcome(True, planned.summary + ", confirmed", planned.diff)


def _settle(place: Place, context: Context) -> None:
    """Raises OperationError while an earlier change is on trial. One that nothing would take back any more is taken back here."""
    if not context.check and not place.is_armed():
        place.restore_now()
        if not place.is_pending():
            return
        raise OperationError(
            "an earlier change of %s could not be taken back" % place.guard,
            hint="sh %s/restore.sh on the host says why; is its disk full?" % place.folder,
        )
    raise OperationError(
        "an earlier change of %s waits for its confirmation" % place.guard,
        hint="it is taken back within a minute or so: run the same again then",
    )


class _Looking(Context):
    """The same batch, but nothing may change: what has to change is found out before the way back is armed."""

    def __init__(self, context: Context) -> None:
        super().__init__(context.send, check=True, secrets=context.secrets)


def _on_trial(place: Place, arguments: Dict[str, Any], context: Context) -> None:
    token = secrets.token_hex(8)
    seconds = float(arguments["seconds"])
    live = _shell(arguments["snapshot"], "the old state cannot be read").output if arguments["snapshot"] else b""
    place.prepare(token, [arguments["path"], *arguments["keeps"]], live, arguments["undo"])
    place.arm(seconds)
    told = {"guard": place.guard, "token": token, "seconds": seconds}
    context.send(frames.encode(frames.ARMED, dict(told, active=False)))
    try:
        file(arguments, context)
        _shell(arguments["activate"], "the change cannot be made to count")
        place.activated()
    except BaseException:
        place.restore_now()
        raise
    context.send(frames.encode(frames.ARMED, dict(told, active=True)))
    _await(place, token, seconds, context)


def _shell(script: str, otherwise: str) -> process.Completed:
    completed = process.run(["/bin/sh", "-euc", script], limit=GRACE)
    if completed.status != 0:
        raise OperationError("%s, and everything is as it was before" % otherwise, last_lines=completed.last_lines())
    return completed


def _await(place: Place, token: str, seconds: float, context: Context) -> None:
    """Until it is confirmed; the timer, not this process, is what takes it back."""
    deadline = time.monotonic() + seconds + GRACE
    while time.monotonic() < deadline:
        state = place.state(token)
        if state == "confirmed":
            return
        if state == "restored":
            raise OperationError(
                "nobody could come in anew within %g s, so the host put the old %s back" % (seconds, place.guard),
                hint="the change would have locked us out; see what it does to SSH and sudo",
            )
        context.wait(0.05)
    raise OperationError("the old %s was not put back in time" % place.guard, hint="see journalctl -u %s" % place.unit)


def confirm(arguments: Dict[str, Any], context: Context) -> Outcome:
    """Disarm: who got here has proved that one can still come in and become root."""
    if not context.check:
        Place(arguments["guard"]).confirm(arguments["token"])
    return Outcome(False)


def trial(arguments: Dict[str, Any], _context: Context) -> Outcome:
    """What became of it."""
    return Outcome(False, data={"state": Place(arguments["guard"]).state(arguments["token"])})
