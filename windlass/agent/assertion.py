"""How conditions are looked at."""

from __future__ import annotations

import os
import re
from typing import Any, Dict, Iterator, List

from windlass.agent.core import process
from windlass.agent.core.context import Context
from windlass.agent.core.facts import facts
from windlass.agent.core.outcome import OperationError, Outcome


def assert_true(arguments: Dict[str, Any], context: Context) -> Outcome:
    """All conditions hold. Raises OperationError with the user's message, and with what is so instead."""
    found = facts()
    wrong = [*_facts(arguments["facts"] or {}, found), *_numbers(arguments["at_least"] or {}, found)]
    wrong += _room(arguments["free"] or {})
    if arguments["command"] is not None and not wrong:
        wrong += _command(arguments)
    if wrong and not arguments["first"] and context.check and _expects_anything(context):
        return Outcome(False, "may hold once what comes before is done: %s" % wrong[0])
    if wrong:
        raise OperationError(arguments["message"], hint=arguments["hint"], last_lines=wrong)
    return Outcome(False)


def _expects_anything(context: Context) -> bool:
    return any(context.expects_any(kind) for kind in ("package", "command", "path", "tree", "user", "group"))


def _known(name: str, found: Dict[str, Any]) -> Any:
    if name not in found:
        raise OperationError("there is no fact %s" % name, hint="there is %s" % ", ".join(sorted(found)))
    return found[name]


def _facts(wanted: Dict[str, Any], found: Dict[str, Any]) -> Iterator[str]:
    for name, value in sorted(wanted.items()):
        has, choices = _known(name, found), value if isinstance(value, list) else [value]
        if has not in choices:
            yield "%s is %s, not %s" % (name, has, " or ".join(str(each) for each in choices))


def _numbers(wanted: Dict[str, float], found: Dict[str, Any]) -> Iterator[str]:
    for name, least in sorted(wanted.items()):
        has = _known(name, found)
        if not isinstance(has, (int, float)):
            raise OperationError("fact %s is %s, not a number" % (name, has), hint="ask for it in facts")
        if has < least:
            yield "%s is %g, less than %g" % (name, has, least)


def _room(wanted: Dict[str, float]) -> Iterator[str]:
    """Free for everybody, not for root alone. A path that is not there yet counts as the folder that it will be made in."""
    for path, least in sorted(wanted.items()):
        place = path
        while not os.path.isdir(place) and place not in ("/", ""):
            place = os.path.dirname(place)
        status = os.statvfs(place or "/")
        free = status.f_bavail * status.f_frsize
        if free < least:
            yield "%d bytes are free below %s, less than %d" % (free, path, least)


def _command(arguments: Dict[str, Any]) -> List[str]:
    command = arguments["command"]
    words = ["/bin/sh", "-c", command] if isinstance(command, str) else command
    completed = process.run(words, limit=float(arguments["limit_seconds"]))
    if completed.status != 0:
        return ["the command ended with status %d" % completed.status, *completed.last_lines(8)]
    if not re.search(arguments["contains"], completed.text, re.MULTILINE):
        return ["the output has no %s:" % arguments["contains"], *completed.last_lines(8)]
    return []
