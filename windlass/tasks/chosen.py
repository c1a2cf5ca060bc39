"""Of the table of contents (`tasks.py`), only what a command line names: the other modules of tasks need not be loaded for it."""

from __future__ import annotations

import ast
from collections.abc import Sequence


def only(source: str, words: Sequence[str]) -> ast.Module | None:
    """The table with the entries that the words can mean, and the imports of these; None where it is not plain what that is.

    An entry at the top is a task, named like its function, or a collection, which is kept as a whole.
    """
    table = ast.parse(source)
    named = {word.partition(".")[0].replace("-", "_") for word in words}
    call = next((each.value for each in table.body if isinstance(each, ast.Assign) and isinstance(each.value, ast.Call)), None)
    if call is None:
        return None
    call.args = [each for each in call.args if isinstance(each, ast.Attribute) and each.attr in named]
    call.keywords = [each for each in call.keywords if each.arg in named]
    first = words[0].partition(".")[0].replace("-", "_")
    if first not in {each.attr for each in call.args if isinstance(each, ast.Attribute)} | {each.arg for each in call.keywords}:
        return None
    used = {each.id for each in ast.walk(table) if isinstance(each, ast.Name)}
    for each in table.body:
        if isinstance(each, ast.ImportFrom):
            each.names = [name for name in each.names if (name.asname or name.name) in used]
    return table
