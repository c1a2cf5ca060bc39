"""How systemd is told what to make and to clean."""

from __future__ import annotations

from typing import Any, Dict

from windlass.agent.core.context import Context
from windlass.agent.core.outcome import Outcome
from windlass.agent.file import file


def tmpfiles(arguments: Dict[str, Any], context: Context) -> Outcome:
    """Apply the new lines, which is also their test, and only then install them."""
    wanted = {"owner": "root", "group": "root", "mode": "0644", "sensitive": False}
    outcome = file(dict(wanted, validate=["systemd-tmpfiles", "--create", "%s"], **arguments), context)
    if outcome.changed and not arguments["absent"]:
        for line in arguments["content"].split("\n"):
            words = line.split()
            if len(words) > 1 and words[0][0] in "dDvqQ":
                context.expect("path", words[1])
    return outcome
