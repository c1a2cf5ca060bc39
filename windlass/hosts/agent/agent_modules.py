"""Which of the agent's modules a host needs: those of the loop at once, those of an operation's family before the operation.

What a module imports is read from its text: parsing all of them would take longer than sending them. A test compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any, Final

from windlass.agent.core import frames
from windlass.hosts.agent import agent_kept

PACKAGE: Final = "windlass.agent"
LOADER: Final = f"{PACKAGE}.core.loader"  # what is sent first, and all that the loop needs
SHELF: Final = f"{PACKAGE}.core.shelf"
LARGE: Final = (f"{PACKAGE}.core.host_sums", f"{PACKAGE}.core.shared_blocks")  # what large files need
_IMPORT: Final = re.compile(
    r"^[ \t]*from (windlass\.agent[.\w]*) import (?:\(([^)]*)\)|([^\n#]*))|^[ \t]*import (windlass\.agent[.\w]*)", re.MULTILINE
)
_TYPING: Final = re.compile(rb"^from typing import\b", re.MULTILINE)


@cache
def source(name: str) -> bytes | None:
    """The text of a module as it travels; None if there is none of this name."""
    if name != PACKAGE and not re.fullmatch(rf"{re.escape(PACKAGE)}(\.[a-z]\w*)+", name):
        return None
    place = agent_kept.FOLDER.joinpath(*name.split(".")[2:])
    for path in (place / "__init__.py", place.with_suffix(".py")):
        if path.is_file():
            return _TYPING.sub(b"from windlass.agent.core.untyped import", path.read_bytes())
    return None


@cache
def needed(name: str) -> frozenset[str]:
    """A module, the packages around it, and all that any of them imports, at once or later."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        at = waiting.pop()
        if at in found or at == "windlass" or source(at) is None:
            continue
        found.add(at)
        waiting += [at.rpartition(".")[0], *_imports(at)]
    return frozenset(found)


@cache
def for_operations(kinds: frozenset[str], largest: int = 0) -> frozenset[str]:
    """What operations of these kinds need beyond the loop. `largest`: bytes of the largest file that is content of one."""
    names = {f"{PACKAGE}.{kind.partition('.')[0]}" for kind in kinds} | set(LARGE if largest >= frames.REMEMBERED_FROM else ())
    return frozenset().union(*map(beyond_the_loop, names))


@cache
def for_checks() -> frozenset[str]:
    """What foresees in a check how each operation leaves the host for the next; a run needs none of it."""
    return beyond_the_loop(f"{PACKAGE}.core.foresight")


@cache
def for_locks() -> frozenset[str]:
    """What keeps other runs out."""
    return beyond_the_loop(f"{PACKAGE}.core.holding")


@cache
def for_arrivals() -> frozenset[str]:
    """What takes content in; a host that has all of it already never needs that, and asks for it when it does."""
    return beyond_the_loop(f"{PACKAGE}.core.arrivals")


def beyond_the_loop(name: str) -> frozenset[str]:
    """What a module needs that the agent did not begin with."""
    return frozenset(agent_kept.made(("beyond", name), lambda: tuple(sorted(needed(name) - needed(LOADER)))))


@cache
def frame(names: frozenset[str]) -> bytes:
    """These modules as they travel; the same bytes for all hosts."""
    return agent_kept.made(("frame", *sorted(names)), lambda: frames.encode(frames.MODULES, texts(names)))


def asked_for(name: str) -> dict[str, Any]:
    """A module that a host asks for in the midst of an operation, with all that it needs. Raises WindlassError."""
    found = texts(beyond_the_loop(name))
    agent_kept.refuse_changes()
    return found


def texts(names: Iterable[str]) -> dict[str, Any]:
    """Modules by name."""
    return {name: (source(name) or b"").decode() for name in sorted(names)}


def _imports(name: str) -> list[str]:
    """What a module's text may import: modules, and names in them, of which only some are modules."""
    found = []
    for package, many, few, module in _IMPORT.findall((source(name) or b"").decode()):
        names = [word.split()[0] for word in (many or few).split(",") if word.strip()]
        found += [module or package, *(f"{package}.{each}" for each in names)]
    return found
