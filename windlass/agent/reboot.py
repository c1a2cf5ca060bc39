"""How a host is made to start anew once its agent has said what there was to say."""

from __future__ import annotations

import os
import subprocess
from typing import Any, Dict

from windlass.agent.core import holding, process
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import OperationError, Outcome

REQUIRED = "/run/reboot-required"
SCRIPT = "read nothing; systemctl reboot || exec reboot"


def reboot(arguments: Dict[str, Any], context: Context) -> Outcome:
    """Reboot, when this agent has ended. The controller waits for the host to come back."""
    conditions = arguments["when_required"] or "notified" in arguments
    notified = bool(arguments.get("notified"))
    required = bool(arguments["when_required"]) and os.path.exists(REQUIRED)
    if conditions and not notified and not required:
        if context.check and arguments["when_required"] and context.expects_any("package"):
            return Outcome(True, "would reboot if a package asks for it", unknown=True)
        return Outcome(False, "no reboot is due")
    if context.check:
        return Outcome(True, "would reboot")
    if os.geteuid() != 0:
        raise OperationError("only root can reboot this host", hint="log in as root, or let the user become root by sudo")
    _refuse_in_the_midst_of_others_work(context)
    _reboot_when_this_process_ends(context)
    return Outcome(True, "reboot")


def _refuse_in_the_midst_of_others_work(context: Context) -> None:
    try:
        holding.refuse_others(context)
    except OperationError as error:
        raise OperationError("it is not rebooted: %s" % error, hint=error.hint, data=error.data) from None


def _reboot_when_this_process_ends(context: Context) -> None:
    """A child waits for the end of a pipe whose other end only this process has: the results are on their way by then."""
    reading, writing = os.pipe()
    context.kept["reboot"] = writing
    try:
        subprocess.Popen(
            ["/bin/sh", "-c", SCRIPT],
            stdin=reading,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=process.environment(),
            cwd="/",
            start_new_session=True,
        )
    finally:
        os.close(reading)
