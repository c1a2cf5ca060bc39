"""How single values of JSON and YAML files are set."""

from __future__ import annotations

import json
from typing import Any, Dict, Tuple

from windlass.agent.core import json_text
from windlass.agent.core.context import Context
from windlass.agent.core.editing import edit
from windlass.agent.core.outcome import OperationError, Outcome
from windlass.agent.file import text_of


def json_value(arguments: Dict[str, Any], context: Context) -> Outcome:
    """One value of a JSON file."""
    return edit(arguments, context, lambda text: _in_json(text, arguments), _secret(arguments))


def yaml_value(arguments: Dict[str, Any], context: Context) -> Outcome:
    """One value of a YAML file. Python's standard library cannot read YAML, so the controller is asked for the new text."""
    return edit(arguments, context, lambda text: _in_yaml(text, arguments, context), _secret(arguments))


def _secret(arguments: Dict[str, Any]) -> bool:
    return bool(arguments["sensitive"] or isinstance(arguments["value"], dict))


def _in_json(text: str, arguments: Dict[str, Any]) -> Tuple[str, str]:
    try:
        if arguments["absent"]:
            new = json_text.without(text, arguments["keys"])
        else:
            new = json_text.with_value(text, arguments["keys"], json.loads(text_of(arguments["value"])))
    except ValueError as error:
        raise OperationError(
            "%s is not JSON: %s" % (arguments["path"], error), hint="repair it by hand; it was not touched"
        ) from None
    return new, _words(text, new, arguments)


def _in_yaml(text: str, arguments: Dict[str, Any], context: Context) -> Tuple[str, str]:
    question = {"want": "yaml", "text": text, "keys": arguments["keys"], "absent": arguments["absent"]}
    answer = context.ask(dict(question, value=text_of(arguments["value"])))
    if "refused" in answer:
        raise OperationError("%s: %s" % (arguments["path"], answer["refused"]), hint="change it by hand; it was not touched")
    return answer["text"], _words(text, answer["text"], arguments)


def _words(before: str, after: str, arguments: Dict[str, Any]) -> str:
    return "" if before == after else "value removed" if arguments["absent"] else "value set"
