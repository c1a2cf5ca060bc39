"""What was made of the agent's text for its way to the hosts, kept for the next start until a file of that text changes."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

import windlass.agent
from windlass.errors import WindlassError
from windlass.kept import Kept

Value = TypeVar("Value", bytes, tuple[str, ...])

FOLDER: Final = Path(windlass.agent.__file__).parent
MAKERS: Final = ("agent_modules.py", "payload.py")  # beside this file
KEPT: Final = Kept("agent")


def made(what: tuple[str, ...], make: Callable[[], Value]) -> Value:
    """What goes by this name, made by `make` where it is not known of this very text. Raises as `refuse_changes`."""
    state = _state_at_first()
    known = KEPT.get(what)
    if known and known[0] == state:
        found: Value = known[1]
        return found
    value = make()
    refuse_changes()
    KEPT.put(what, (state, value))
    return value


def refuse_changes() -> None:
    """Raises WindlassError where the text is not what it was when this process first looked."""
    if _state_now() != _state_at_first():
        raise WindlassError(
            f"Windlass was changed in the midst of this run ({FOLDER.parent}): its hosts would get parts of two versions",
            hint="run the same again: what is done is done, and nothing is done twice",
        )


def _state_now() -> str:
    return state(FOLDER, [Path(__file__).with_name(name) for name in MAKERS])


_state_at_first = functools.cache(_state_now)


def state(folder: Path, makers: Sequence[Path] = ()) -> str:
    """Changes with every module that is written, made or removed."""
    found = [(str(path), "", path.stat().st_size, path.stat().st_mtime_ns) for path in makers]
    for place, _folders, names in os.walk(folder):
        for name in names:
            if name.endswith(".py"):
                status = os.stat(os.path.join(place, name))  # noqa: PTH116, PTH118 - there are many, at each start
                found.append((place, name, status.st_size, status.st_mtime_ns))
    return hashlib.sha256(repr(sorted(found)).encode()).hexdigest()
