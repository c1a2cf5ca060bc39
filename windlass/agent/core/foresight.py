"""What a check knows of operations that speak of the same thing: it makes nothing, so the second one would look like the first."""

from __future__ import annotations

import json
import os
from typing import Any, Callable, Dict, Set

from windlass.agent.core.context import Context
from windlass.agent.core.outcome import Outcome

REPEATED = ("command.run",)  # what is done anew each time it is asked for


class Foresight:
    """One check's memory: which operations would have changed something."""

    def __init__(self) -> None:
        self._changing: Set[str] = set()

    def foresee(self, operation: Dict[str, Any], context: Context, look: Callable[[], Outcome]) -> Outcome:
        """What a run will find: nothing to do where the same was asked for before; unknown where another thing was."""
        key = json.dumps([operation["kind"], operation["arguments"]], sort_keys=True)
        if key in self._changing and not operation["notified_by"]:
            return Outcome(False)
        path = os.path.normpath(str(operation["arguments"].get("path") or "/"))
        made_before = context.expected("path", path)
        outcome = look()
        if outcome.changed and operation["kind"] not in REPEATED:
            self._changing.add(key)
        outcome.unknown = outcome.unknown or (outcome.changed and made_before)
        return outcome
