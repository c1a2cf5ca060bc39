"""`windlass …`: the same tasks as `invoke …` in a clone, for people who installed the package."""

from __future__ import annotations

import atexit
import importlib.util
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from windlass.tasks import chosen, lean

lean.start()

from invoke.exceptions import ParseError  # noqa: E402 - after the line above, which is about it
from invoke.parser import Parser  # noqa: E402
from invoke.parser.context import ParserContext  # noqa: E402
from invoke.program import Program  # noqa: E402

import windlass  # noqa: E402
from windlass.errors import WRONG_USAGE  # noqa: E402
from windlass.tasks.typed import as_typed  # noqa: E402

if TYPE_CHECKING:
    from invoke.collection import Collection


def namespace() -> Collection:
    """All tasks: what `tasks.py` at the top of the repository (a copy of it in the package) lists.

    A project's own `tasks.py` may begin with `ns = namespace()` and add its own tasks to it.
    """
    path = _contents()
    spec = importlib.util.spec_from_file_location("windlass_tasks", path)
    assert spec is not None  # noqa: S101 - a path that ends in .py always has a loader
    assert spec.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Collection = module.namespace
    return found


def _contents() -> Path:
    """The playbook's table of contents."""
    package = Path(windlass.__file__).parent
    bundled = package / "bundled" / "tasks.py"
    return bundled if bundled.exists() else package.parent / "tasks.py"


def namespace_of(words: Sequence[str]) -> Collection:
    """The same, but only what these words of a command line can mean, where they begin with a task: a start need not read the
    modules of tasks that nobody has named."""
    source = _contents().read_text(encoding="utf-8")
    pruned = chosen.only(source, words) if words and not words[0].startswith("-") else None
    if pruned is None:
        return namespace()
    made: dict[str, Any] = {"__name__": "windlass_tasks"}
    exec(compile(pruned, str(_contents()), "exec"), made)  # noqa: S102 - our own file, with less in it
    found: Collection = made["namespace"]
    return found


class _Windlass(Program):
    """Invoke's program, with our exit code for a command line that cannot be understood."""

    def _make_parser(self) -> Parser:
        """Only the tasks that are named: Invoke copies all that its parser knows, which takes longer than the parsing."""
        named = {*self.core.unparsed, self.args.help.value}
        known = [
            ParserContext(name, aliases, self.collection[name].get_arguments())
            for name, aliases in self.collection.task_names.items()
            if named & {name, *aliases}
        ]
        return Parser(initial=self.initial_context, contexts=known)

    def print_task_help(self, name: str) -> None:
        """With its examples as they are typed here."""
        task = self.collection[name]
        task.__doc__ = as_typed(task.__doc__ or "")
        super().print_task_help(name)

    def parse_tasks(self) -> None:
        try:
            super().parse_tasks()
        except ParseError as error:
            from windlass.tasks.parse_words import explained

            said = explained(error, namespace().task_names)
            sys.stderr.write(f"error: {said}\nhint: `windlass --list` shows all tasks, `windlass TASK --help` one\n")
            sys.exit(WRONG_USAGE)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the tasks named on the command line."""
    program_name, *words = arguments if arguments is not None else sys.argv
    if words and not words[0].startswith("-") and words[1:] in (["--help"], ["-h"]):
        words = ["--help", words[0]]  # else a task that needs an argument would take it for that
    program = _Windlass(name="windlass", binary="windlass", namespace=namespace_of(words), version=windlass.__version__)
    try:
        try:
            program.run([program_name, *words])
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # a list of tasks, or the help of one
        from windlass.tasks.reader import stop_telling

        stop_telling()


def command() -> None:
    """What `windlass` on a shell is: `main`, and the end of the process."""
    code = 0
    try:
        main()
    except SystemExit as leaving:
        if not isinstance(leaving.code, int | None):
            raise
        code = leaving.code or 0
    _end(code)


def _end(code: int) -> None:
    """Leave as soon as threads and exit handlers have had their turn, in the order of Python's own multiprocessing: to take down
    all that is in memory takes longer than many a command, and the kernel does it anyway."""
    threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001 - as multiprocessing ends its processes
    atexit._run_exitfuncs()  # noqa: SLF001
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    command()
