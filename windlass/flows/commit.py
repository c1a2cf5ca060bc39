"""Confirms changes that could have locked everybody out, over a connection opened after the change, or says that it cannot."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, NoReturn

from windlass import events
from windlass.errors import ConnectionFailed, HostError, OperationFailed
from windlass.hosts.channel import Channel, Confirmer, OnTrial
from windlass.operations.commit import Confirm, Trial
from windlass.operations.wire import Batch

if TYPE_CHECKING:
    from windlass.hosts.common.target import Target

PAUSE = 0.3  # seconds between two attempts
GRACE = 30.0  # seconds that a host may take to put the old state back and to answer again


def confirmer(listener: events.Listener = events.nobody) -> Confirmer:
    """What a fleet does with a change on trial.

    A new login and a new sudo confirm it, tried until the host's time is over. Where that fails, it is said that the host helps
    itself, and waited until it has: raises OperationFailed when the old state is back and the host answers, ConnectionFailed when
    it does not answer even then.
    """

    def confirm(target: Target, change: OnTrial) -> None:
        began = time.monotonic()
        why = _confirmed(target, change, began) if change.active else "the line fell silent when the change was made"
        if why:
            left = max(0.0, began + change.seconds - time.monotonic())
            text = f"{why}: {target.name} puts the old {change.guard} back by itself in {left:.0f} s"
            listener(events.Note(text, target.name, warning=True))
            _await_the_old_one(target, change, why)

    return confirm


def _confirmed(target: Target, change: OnTrial, began: float) -> str:
    """Try until the time is over; what stood in the way, or nothing when it is done."""
    why = ""
    while (left := began + change.seconds - time.monotonic()) > 0:
        try:
            channel = _anew(target, left)
            try:
                channel.run(Batch((Confirm(guard=change.guard, token=change.token),)))
            finally:
                channel.close()
        except OperationFailed as error:
            return why or error.message
        except HostError as error:
            why = error.message
            time.sleep(PAUSE)
        else:
            return ""
    return why or "there was no time to confirm it"


def _anew(target: Target, seconds: float) -> Channel:
    """A login that owes nothing to an earlier one, in as many seconds as are left."""
    return Channel(dataclasses.replace(target, connect_seconds=max(1.0, min(target.connect_seconds, seconds)), warm_seconds=0))


def _await_the_old_one(target: Target, change: OnTrial, why: str) -> None:
    """Raises once it is known what became of it; returns if the change was confirmed after all."""
    deadline = time.monotonic() + change.seconds + GRACE
    state, reached = "", ""
    while time.monotonic() < deadline:
        try:
            channel = _anew(target, 5.0)
            try:
                (result,) = channel.run(Batch((Trial(guard=change.guard, token=change.token),)))
            finally:
                channel.close()
        except HostError as error:
            reached = error.message
        else:
            state, reached = str(result.data["state"]), ""
            if state == "confirmed":
                return
            if state != "pending":
                _back(target, change, why)
        time.sleep(PAUSE)
    raise ConnectionFailed(
        f"{target.name} should have put the old {change.guard} back, and does not answer: {reached or state}",
        host=target.name,
        hint=f"at its console: sh /var/lib/windlass/trials/{change.guard}/restore.sh, or a reboot, which does the same",
    )


def _back(target: Target, change: OnTrial, why: str) -> NoReturn:
    raise OperationFailed(
        f"the new {change.guard} would have locked us out of {target.name} ({why}); the old one is back and the host answers",
        host=target.name,
        tried=change.guard,
        hint="see what the change does to SSH and sudo; nothing else of this run was done after it",
    )
