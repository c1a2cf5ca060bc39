"""How deep the values of a YAML text stand in one another.

libyaml composes them by calling itself, in C: some ten thousand levels end the whole process, and Python cannot stop that. So who
could be so deep is read as a plain row of events first, which costs a fifth of all the reading.
"""

from __future__ import annotations

from typing import Any, Final

import yaml

MOST_LEVELS: Final = 200  # far more than anybody can follow
SAFE: Final = 4000  # levels that libyaml composes in any thread's stack


def may_be_too_deep(text: str) -> bool:
    """Whether it could: each level in brackets has one, and each one of lines and dashes stands further right, two at a place."""
    return text.count("[") + text.count("{") + 2 * max(map(len, text.splitlines()), default=0) > SAFE


def too_deep(text: str, loader: type[Any]) -> int:
    """The line in which the levels are more than anybody's, 0 where none is. Raises YAMLError."""
    levels = 0
    for event in yaml.parse(text, Loader=loader):
        if isinstance(event, yaml.CollectionStartEvent):
            levels += 1
            if levels > MOST_LEVELS:
                return event.start_mark.line + 1 if event.start_mark else 1
        elif isinstance(event, yaml.CollectionEndEvent):
            levels -= 1
    return 0
