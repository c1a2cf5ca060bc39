"""Locks held by this very process."""

from __future__ import annotations

from typing import Any, Dict

from windlass.agent.core import holding
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import Outcome


def lease(arguments: Dict[str, Any], context: Context) -> Outcome:
    """Take the lock or fail at once; it dies with the agent."""
    name = arguments["name"]
    path = holding.path_of(name)
    if path in context.kept:
        return Outcome(False)
    record = {"holder": arguments["holder"], "purpose": arguments["purpose"]}
    context.kept[path] = holding.hold(name, record, arguments["wait_seconds"], context)
    return Outcome(False, "held")
