"""How blocks of lines get into files, and out of them."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

from windlass.agent.core.context import Context
from windlass.agent.core.editing import edit, lines_of, place_for
from windlass.agent.core.outcome import OperationError, Outcome
from windlass.agent.file import text_of


def block(arguments: Dict[str, Any], context: Context) -> Outcome:
    """The lines between two markers: there, in their place, or gone with their markers."""
    secret = arguments["sensitive"] or isinstance(arguments["block"], dict)
    return edit(arguments, context, lambda text: _edited(text, arguments), secret)


def _edited(text: str, arguments: Dict[str, Any]) -> Tuple[str, str]:
    lines, end = lines_of(text)
    found = _found(lines, arguments)
    if arguments["absent"]:
        if found is None:
            return text, ""
        del lines[found[0] : found[1]]
        return "".join(each + end for each in lines), "block removed"
    wanted = [arguments["begin"], *_lines(text_of(arguments["block"])), arguments["end"]]
    if found is not None:
        if lines[found[0] : found[1]] == wanted:
            return text, ""
        lines[found[0] : found[1]] = wanted
        return "".join(each + end for each in lines), "block replaced"
    place = place_for(lines, arguments["after"], arguments["before"])
    lines[place:place] = wanted
    return "".join(each + end for each in lines), "block added"


def _lines(text: str) -> List[str]:
    """Only ends of lines end them; other separators that Python knows are text."""
    return [line.rstrip("\r") for line in lines_of(text)[0]]


def _found(lines: List[str], arguments: Dict[str, Any]) -> Optional[Tuple[int, int]]:
    """From the first marker to behind the last one. Raises OperationError where they do not make one pair."""
    begins = [index for index, each in enumerate(lines) if each.rstrip("\r") == arguments["begin"]]
    ends = [index for index, each in enumerate(lines) if each.rstrip("\r") == arguments["end"]]
    if not begins and not ends:
        return None
    if len(begins) != 1 or len(ends) != 1 or begins[0] > ends[0]:
        raise OperationError(
            "the markers %r and %r of %s are not one pair" % (arguments["begin"], arguments["end"], arguments["path"]),
            hint="repair them by hand; nothing was changed, since what lies between them cannot be known",
        )
    return begins[0], ends[0] + 1
