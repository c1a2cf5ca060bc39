"""What CONTRIBUTING.md says of sizes, as far as no linter counts it."""

from __future__ import annotations

import ast
from pathlib import Path

PROJECT = Path(__file__).parents[2]
MOST_LINES_OF_A_FUNCTION = 40
MOST_LINES_OF_A_FILE = 300


def modules() -> list[Path]:
    return [path for folder in ("windlass", "roles", "demo", "benchmarks") for path in sorted((PROJECT / folder).rglob("*.py"))]


def long_ones(text: str) -> list[ast.FunctionDef]:
    functions = [each for each in ast.walk(ast.parse(text)) if isinstance(each, ast.FunctionDef)]
    return [each for each in functions if lines_of(each, is_task=is_task(each)) > MOST_LINES_OF_A_FUNCTION]


def lines_of(function: ast.FunctionDef, *, is_task: bool) -> int:
    """From `def` to the end; of a task from behind its docstring."""
    begin = function.body[1].lineno if is_task and len(function.body) > 1 else function.lineno
    return (function.end_lineno or 0) - begin + 1


def is_task(function: ast.FunctionDef) -> bool:
    called = [each.func if isinstance(each, ast.Call) else each for each in function.decorator_list]
    return any(isinstance(each, ast.Name) and each.id in ("task", "command") for each in called)


def test_no_function_and_no_file_is_longer_than_one_reads_at_once() -> None:
    texts = {str(path.relative_to(PROJECT)): path.read_text(encoding="utf-8") for path in modules()}

    assert [name for name, text in texts.items() if text.count("\n") > MOST_LINES_OF_A_FILE] == []
    assert [f"{name}:{each.lineno} {each.name}" for name, text in texts.items() for each in long_ones(text)] == []
