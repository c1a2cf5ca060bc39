"""How modules of the kernel are loaded."""

from __future__ import annotations

import os
from typing import Any, Callable, Dict

from windlass.agent.core import modules, process
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import Changes, OperationError, Outcome
from windlass.agent.file import want_file

REHEARSAL = "windlass.agent.core.rehearsal"  # comes for a check
WANTED = {"owner": "root", "group": "root", "mode": "0644", "validate": None, "sensitive": False}


def kernel_module(arguments: Dict[str, Any], context: Context) -> Outcome:
    """The module in the running kernel, then in the files, so that none which the kernel refuses is kept for the next boot."""
    name, changes = arguments["name"], Changes()
    loaded = os.path.isdir("/sys/module/" + name)  # what is built in is there, too
    if arguments["live"] and loaded is arguments["absent"]:
        verb = "unload" if arguments["absent"] else "load"
        changes.add(verb, _modprobe(verb, name), "kernel module %s: %s" % (name, verb))
        if context.foresights:
            modules.get(REHEARSAL, context).rehearse(_modprobe(verb, name, "--dry-run"), changes, context)
        context.expect("kernel module", name)
    for path, content in sorted(arguments["files"].items(), reverse=True):
        if content:
            want_file(changes, dict(WANTED, path=path, content=content), context)
        elif os.path.lexists(path):
            changes.add("remove %s" % path, _remover(path), "-%s" % path)
    return changes.outcome(context.check)


def _modprobe(verb: str, name: str, *options: str) -> Callable[[], None]:
    def act() -> None:
        words = [*options, *(["--remove"] if verb == "unload" else [])]
        try:
            process.must(["modprobe", *words, "--", name], limit=60)
        except OperationError as error:
            hint = "a container shares the kernel of its machine: do it there, or give live=False to write the files only"
            raise OperationError(
                "the kernel does not %s module %s" % (verb, name), hint=hint, last_lines=error.last_lines or [str(error)]
            ) from error

    return act


def _remover(path: str) -> Callable[[], None]:
    return lambda: os.unlink(path)
