"""How commands run."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Optional, Tuple, Union

from windlass.agent.core import modules, process
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import OperationError, Outcome
from windlass.agent.file import text_of

ACCOUNTS = "windlass.agent.core.accounts"  # for a check
NO_PROGRAM = 127  # is what a shell says where there is none of this name
PATTERN = frozenset("*?[")
LONGEST_OUTPUT = 65536  # characters of output that a result carries, from the end


def run(arguments: Dict[str, Any], context: Context) -> Outcome:
    """A command, unless its work is done already."""
    needless, decided = _needless(arguments, context)
    if needless:
        return Outcome(False, needless)
    certain = not context.check or _has_place(arguments, context)
    if context.check and arguments["changed"] is not False:
        context.expect("command", str(arguments["command"]))
        if arguments["creates"]:
            context.expect("path", arguments["creates"])
            context.expect("tree", arguments["creates"])
        return Outcome(True, "would run", unknown=not (decided and certain))
    if context.check and not _is_here(arguments, context):
        return Outcome(False, "would run")
    completed = _execute(arguments["command"], arguments, context)
    if completed.status not in arguments["statuses"]:
        if context.check and (context.expects_surprises() or context.expects_of(_text(arguments["command"]))):
            return Outcome(False, "may succeed once what comes before is done")
        raise OperationError(
            "the command ended with status %d" % completed.status,
            last_lines=completed.last_lines(),
            data=_data(completed, context),
        )
    return Outcome(arguments["changed"] is not False, "ran", data=_data(completed, context))


def _has_place(arguments: Dict[str, Any], context: Context) -> bool:
    """Insist on the folder and the user of a command; whether it is certain that both will be there. Raises OperationError."""
    folder, user = arguments["folder"], arguments["user"]
    if not (context.is_folder(folder) or context.is_unknown(folder) or context.expects_path(folder) or context.expects_surprises()):
        raise _no_folder(folder)
    known = bool(not user or modules.get(ACCOUNTS, context).need_account("user", user, context))
    return known and (context.is_folder(folder) or context.expected("tree", folder))


def _is_here(arguments: Dict[str, Any], context: Context) -> bool:
    """Whether a command that only looks can do so in a check: where and as whom it should."""
    user = arguments["user"]
    return os.path.isdir(arguments["folder"]) and not (user and context.expected("user", user))


def _text(command: Union[str, List[str]]) -> str:
    return command if isinstance(command, str) else " ".join(command)


def _data(completed: process.Completed, context: Context) -> Dict[str, Any]:
    """Masked before it is cut: half of a secret would not be known for one."""
    output, errors = completed.text, completed.errors.decode("utf-8", "replace")
    return {
        "output": context.mask(output)[-LONGEST_OUTPUT:],
        "errors": context.mask(errors)[-LONGEST_OUTPUT:],
        "status": completed.status,
    }


def _needless(arguments: Dict[str, Any], context: Context) -> Tuple[str, bool]:
    """Why it need not run (empty if it must), and whether any condition had a say. Cheap conditions come first."""
    if "notified" in arguments and not arguments["notified"]:
        return "nothing it waits for changed", True
    reason, decided = _path_says(arguments["creates"], arguments["removes"], context)
    if reason or decided is None:
        return reason, decided is not None
    decided = decided or "notified" in arguments
    for key, value, reason in (("unless", True, "what it makes is there"), ("only_if", False, "what it needs is not there")):
        if arguments[key] is None:
            continue
        succeeds = _succeeds(arguments[key], arguments, context)
        if succeeds is None:
            return "", False
        if succeeds is value:
            return reason, True
        decided = True
    return "", decided


def _path_says(creates: str, removes: str, context: Context) -> Tuple[str, Optional[bool]]:
    """Why a command need not run as paths tell it, and whether they had a say: None where a check cannot foresee it."""
    if creates and (_is_there(creates, context) or (context.check and context.expected("path", creates))):
        return "%s is there" % creates, True
    if creates and context.check and context.expects_path(creates):  # what comes before may bring it, or may not
        return "", None
    if removes and not _is_there(removes, context) and not (context.check and context.expects_path(removes)):
        return "%s is not there" % removes, True
    return "", bool(creates or removes)


def _is_there(path: str, context: Context) -> bool:
    """Whether a path is there, or anything that a pattern stands for."""
    if context.is_there(path):
        return True
    if not PATTERN.intersection(path):
        return False
    import glob  # noqa: PLC0415 - patterns are rare

    return bool(glob.glob(path))


def _succeeds(command: Union[str, List[str]], arguments: Dict[str, Any], context: Context) -> Optional[bool]:
    """Whether a condition holds; None in a check where that hangs on what earlier operations do."""
    if context.check and context.expects_of(_text(command)):
        return None
    try:
        status = _execute(command, dict(arguments, give=None), context).status
        return None if status == NO_PROGRAM and context.check and context.expects_surprises() else status == 0
    except OperationError:
        if context.check:
            return None
        raise


def _execute(command: Union[str, List[str]], arguments: Dict[str, Any], context: Context) -> process.Completed:
    folder = arguments["folder"]
    if not os.path.isdir(folder):
        raise _no_folder(folder)
    return process.run(
        ["/bin/sh", "-c", command] if isinstance(command, str) else command,
        user=arguments["user"],
        extra={name: text_of(value) for name, value in arguments["environment"].items()},
        folder=folder,
        give=None if arguments["give"] is None else text_of(arguments["give"]),
        limit=float(arguments["limit_seconds"]),
    )


def _no_folder(folder: str) -> OperationError:
    return OperationError("there is no folder %s to run in" % folder, hint="add a Directory for it before this operation")
