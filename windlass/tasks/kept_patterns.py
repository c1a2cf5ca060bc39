"""Regular expressions that modules make while they are loaded are kept compiled from one start to the next.

Python compiles them in Python: those of the libraries take a twentieth of a start. Only what stands in the text of a module is
kept, one of ours, of a library or of Python itself, and never a pattern that a function makes: it may be of somebody's values.
"""

from __future__ import annotations

import re
import sys
import threading
from types import FrameType
from typing import Any, Final

import windlass
from windlass.kept import Kept

KEPT: Final = Kept("patterns")
PLACES: Final = (sys.prefix, sys.base_prefix, *windlass.__path__)
CO_OPTIMIZED: Final = 1  # of functions; `inspect`, which has the name, takes long to load

_compiler: Any = sys.modules.get("re._compiler")  # Python's own affair: one that is made otherwise compiles as ever
_engine: Any = getattr(_compiler, "_sre", None)  # the part in C, which has no other name
_compile: Any = getattr(_compiler, "compile", None)


class _Witness(threading.local):
    """Stands before the part in C and remembers what it was given last in this thread."""

    given: tuple[Any, ...] = ()

    def compile(self, pattern: Any, *given: Any) -> re.Pattern[Any]:
        self.given = given
        made: re.Pattern[Any] = _engine.compile(pattern, *given)
        return made

    def __getattr__(self, name: str) -> Any:
        return getattr(_engine, name)


_witness: Final = _Witness()


def start() -> None:
    """From now on patterns are made from what is kept, if this Python makes them as those do that we know."""
    if not (callable(_compile) and all(hasattr(_engine, name) for name in ("MAGIC", "CODESIZE", "compile"))):
        return
    _compiler._sre = _witness  # noqa: SLF001
    _compiler.compile = _known_or_compiled


def _known_or_compiled(pattern: Any, flags: int = 0) -> re.Pattern[Any]:
    """What `re` calls for a pattern that it has not had in this process."""
    key = (_engine.MAGIC, pattern, int(flags)) if isinstance(pattern, str | bytes) else None
    given = KEPT.get(key)
    if given is not None:
        own_flags, code, *rest = given
        found: re.Pattern[Any] = _engine.compile(pattern, own_flags, memoryview(code).cast("I").tolist(), *rest)
        return found
    compiled: re.Pattern[Any] = _compile(pattern, flags)
    if key is not None and _is_of_a_module():
        own_flags, code, *rest = _witness.given
        KEPT.put(key, (int(own_flags), b"".join(word.to_bytes(_engine.CODESIZE, sys.byteorder) for word in code), *rest))
    return compiled


def _is_of_a_module() -> bool:
    """Whether who asks `re` is a module or a class in it, being loaded, and no function."""
    frame: FrameType | None = sys._getframe(2)  # noqa: SLF001 - the way to ask
    while frame and frame.f_globals.get("__name__") == "re":
        frame = frame.f_back
    return frame is not None and not frame.f_code.co_flags & CO_OPTIMIZED and frame.f_code.co_filename.startswith(PLACES)
