"""Files from templates: the rendering happened on the controller, so here they are files like any other."""

from __future__ import annotations

from typing import Any, Dict

from windlass.agent.core.context import Context
from windlass.agent.core.outcome import Outcome
from windlass.agent.file import file


def template(arguments: Dict[str, Any], context: Context) -> Outcome:
    """Content, owner and mode of a regular file."""
    return file(arguments, context)
