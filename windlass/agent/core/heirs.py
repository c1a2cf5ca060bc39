"""What an agent that lost its controller still holds, for a later run of the same controller's machine that needs it."""

from __future__ import annotations

import os
from typing import Any, Dict

from windlass.agent.core.context import Context
from windlass.agent.core.lifeline import NOBODY_COMES

OURS = b"WINDLASS READY"  # what every agent is started to say stands among its words


def signature(context: Context) -> Dict[str, Any]:
    """Who holds it: the agent, and the controller that it would wait for."""
    return {"agent": os.getpid(), "controller": context.controller}


def is_dead(holder: Dict[str, Any], context: Context) -> bool:
    """Whether the holder's controller is certainly dead, as ours can tell."""
    return bool(holder.get("controller")) and bool(context.ask({"controller": holder["controller"]}).get("dead"))


def told_to_end(holder: Dict[str, Any], context: Context) -> bool:
    """Tell the holder to end, if its controller is certainly dead: what it is at is finished first. Whether it will."""
    if not is_dead(holder, context):
        return False
    try:
        agent = int(holder["agent"])
        if not _is_agent(agent):
            return False
        os.kill(agent, NOBODY_COMES)
    except (FileNotFoundError, ProcessLookupError):  # it has ended by itself
        return True
    except (KeyError, TypeError, ValueError, OSError):  # another version may have signed otherwise
        return False
    return True


def _is_agent(process: int) -> bool:
    """Whether it is one of ours: who could not sign holds a lock in the name of the one before, whose number may be anybody's."""
    with open("/proc/%d/cmdline" % process, "rb") as handle:
        return OURS in handle.read()
