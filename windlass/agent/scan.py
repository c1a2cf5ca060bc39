"""Looking at other hosts from this one: which of their ports answer."""

from __future__ import annotations

import time
from typing import Any, Dict

from windlass.agent.core import process, scanner
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import Outcome


def scan(arguments: Dict[str, Any], context: Context) -> Outcome:
    """Try every port of every address; nothing is sent on a connection that is accepted."""
    ports = range(arguments["first"], arguments["last"] + 1)
    found = []
    for address in arguments["addresses"]:
        began = time.monotonic()
        seen: Dict[str, Any] = {"address": address, "source": "", "open": [], "error": ""}
        try:
            seen["source"] = scanner.source_towards(address)
            seen["open"] = scanner.scan(address, ports, arguments["limit_seconds"], context.wait)
        except scanner.Unreachable as error:
            seen["error"] = error.strerror or "unreachable"
        found.append(dict(seen, seconds=round(time.monotonic() - began, 2)))
    return Outcome(False, data={"scans": found})


def addresses(_arguments: Dict[str, Any], _context: Context) -> Outcome:
    """The host's own global addresses, both families."""
    shown = process.must(["ip", "-oneline", "address", "show", "scope", "global", "up"], limit=20)
    words = [line.split() for line in process.lines(shown.text)]
    own = [{"interface": each[1], "address": each[3].partition("/")[0]} for each in words if len(each) > 3]
    return Outcome(False, data={"addresses": own})
