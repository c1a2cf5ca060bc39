"""How the time zone is set: the link that the C library reads, and the name that Debian's packages read."""

from __future__ import annotations

import os
from typing import Any, Dict

from windlass.agent.core import atomic
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import Changes, OperationError, Outcome
from windlass.agent.file import want_file

ZONES = "/usr/share/zoneinfo"
LOCAL = "/etc/localtime"
KEPT = {"owner": "", "group": "", "mode": "", "validate": None, "sensitive": False}


def time_zone(arguments: Dict[str, Any], context: Context) -> Outcome:
    """The zone, by its name."""
    name, changes = arguments["name"], Changes()
    zone = os.path.join(ZONES, name)
    if not os.path.isfile(zone):
        if not (context.check and context.expects_any("package")):
            hint = (
                "see timedatectl list-timezones" if os.path.isdir(ZONES) else 'add Package(names=("tzdata",)) before this operation'
            )
            raise OperationError("this host knows no time zone %s" % name, hint=hint)
        changes.unknown = True
    has = os.path.realpath(LOCAL) if os.path.islink(LOCAL) else "a copy" if os.path.exists(LOCAL) else "none"
    if not os.path.islink(LOCAL) or os.path.normpath(os.path.join("/etc", os.readlink(LOCAL))) != zone:
        text = "%s becomes %s" % (has.replace(ZONES + "/", ""), name)
        context.need_writable(LOCAL)
        changes.add(text, lambda: atomic.replace_link(LOCAL, zone), "time zone: %s" % text)
    if atomic.read_or_none("/etc/timezone") != (name + "\n").encode():
        want_file(changes, dict(KEPT, path="/etc/timezone", content=name + "\n"), context)
    return changes.outcome(context.check)
