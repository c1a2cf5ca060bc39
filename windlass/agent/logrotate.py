"""How rotations of log files are written."""

from __future__ import annotations

import shutil
from typing import Any, Dict

from windlass.agent.core import process
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import OperationError, Outcome
from windlass.agent.file import file

LOGROTATE = ["logrotate", "--debug", "--state", "/dev/null", "%s"]


def logrotate(arguments: Dict[str, Any], context: Context) -> Outcome:
    """A rotation in a file of its own, which logrotate finds by itself. With --debug it reads, and rotates nothing."""
    if not arguments["absent"] and not shutil.which("logrotate", path=process.PATH):
        if context.check and context.expects_surprises():
            return Outcome(True, "content", unknown=True)
        raise OperationError("logrotate is not installed here", hint='add Package(names=("logrotate",)) before this operation')
    wanted = {"owner": "root", "group": "root", "mode": "0644", "sensitive": False}
    return file(dict(wanted, validate=LOGROTATE, **arguments), context)
