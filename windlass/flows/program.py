"""How this program is started by others, such as cron and systemd."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from windlass.flows.workspace import Workspace

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def run_command(workspace: Workspace, *words: str) -> list[str]:
    """`backup.run` of an environment, with the Python that runs now."""
    program = [sys.executable, "-m", "windlass.tasks.program", "backup.run", "--env", workspace.environment.name]
    return [*program, *words, *(["--lab"] if workspace.lab else [])]


def subject(workspace: Workspace) -> str:
    """What tells the schedule of one environment from those of others, and of other projects."""
    return f"{workspace.environment.name}{' (lab)' if workspace.lab else ''} of {workspace.project}"
