"""Changes that could lock everybody out: made on trial, kept only when the controller comes in anew and says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from windlass.operations.operation import Operation
from windlass.values import Command

# For `undo` of changes to sshd: one that failed too often is not started again by systemd, and at boot nobody may wait for it.
SSHD_AGAIN = "systemctl reset-failed ssh 2>/dev/null; systemctl --no-block reload-or-restart ssh"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded(Operation):
    """A file like `File`, whose change the host takes back by itself unless it is confirmed over a new connection.

    Before anything is changed the old file is put aside and a timer of systemd is armed; then the file is written and
    `activate` runs. The operation succeeds when `Confirm` came within `seconds`, by a login later than the change. Else
    the timer puts the old file back and runs `undo`: whatever became of controller, link and agent, and at boot too.

    guard      what is guarded, such as `firewall`: one change of it at a time
    content    the text
    absent     the file should not be there
    keeps      further files that are put aside and put back with it
    snapshot   a shell script whose output is put aside as the file `live`, before the change
    activate   a shell script that makes the new content count
    undo       a shell script that makes the old content count again; its working folder holds `live`
    seconds    how long the confirmation may take
    """

    family: ClassVar[str] = "commit"

    guard: str
    path: str
    content: str = ""
    owner: str = "root"
    group: str = "root"
    mode: str = "0644"
    validate: Command | None = None
    absent: bool = False
    keeps: tuple[str, ...] = ()
    snapshot: str = ""
    activate: str
    undo: str
    seconds: float = 60.0

    def title(self) -> str:
        return f"{self.guard}: {self.path}, on trial"


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirm(Operation):
    """Keep a change that is on trial. Fails if this is the connection that made it, and if the change is gone already.

    token   which change is meant; the agent that made it told it
    """

    family: ClassVar[str] = "commit"

    guard: str
    token: str

    def title(self) -> str:
        return f"confirm {self.guard}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial(Operation):
    """How a trial went: the result's `data` has `state`, one of `pending`, `confirmed`, `restored` and `unknown`."""

    family: ClassVar[str] = "commit"

    guard: str
    token: str

    def title(self) -> str:
        return f"trial of {self.guard}"
