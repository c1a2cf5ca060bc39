"""What a check asks of the programs that examine a file before it is installed. A run loads none of this."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import Callable, Iterable, List, Mapping, Tuple, Union

from windlass.agent.core import atomic, ownership, process, temporary
from windlass.agent.core.context import Context
from windlass.agent.core.frames import Bytes
from windlass.agent.core.outcome import Changes, OperationError, Outcome
from windlass.agent.file import validator

Told = Union[Changes, Outcome]  # what says whether it is known


def examine(chunks: Iterable[Bytes], wanted: Mapping[str, str], command: List[str], told: Told, context: Context) -> None:
    """Have a program look at what a file would hold, in a folder of its own. Raises OperationError, as the run would.

    `wanted` are the file's path, owner, group and mode, which some programs look at, too, or are another user and need.
    """
    if not shutil.which(command[0], path=process.PATH) and (context.expects_surprises() or context.expects_path(command[0])):
        told.unknown = True
        return
    path = wanted["path"]
    validate = validator(command)
    with temporary.folder("check") as folder:
        os.chmod(folder, 0o711)  # noqa: S103 - the program may be another user's, and the copy has a mode of its own
        descriptor, copy = tempfile.mkstemp(prefix=".%s." % os.path.basename(path)[: atomic.LONGEST_STEM], dir=folder)
        with os.fdopen(descriptor, "wb") as handle:
            handle.writelines(chunks)
            os.fchown(handle.fileno(), *_ids(path, wanted))
            os.fchmod(handle.fileno(), ownership.mode_bits(path, wanted["mode"]))
        rehearse(lambda: validate(copy) if validate else None, told, context)


def _ids(path: str, wanted: Mapping[str, str]) -> Tuple[int, int]:
    """Whose the file will be; of whoever is not there yet nobody knows the number."""
    try:
        ids = ownership.owner_ids(wanted["owner"], wanted["group"])
    except OperationError:
        ids = (-1, -1)
    return ownership.kept_ids(path, ids)


def rehearse(look: Callable[[], None], told: Told, context: Context) -> None:
    """What is wrong for the lack of what earlier operations bring, only a run can tell."""
    try:
        look()
    except OperationError as error:
        if not (context.expects_surprises() or context.expects_of("\n".join([str(error), *error.last_lines]))):
            raise
        told.unknown = True
