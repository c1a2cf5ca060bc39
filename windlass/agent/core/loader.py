"""Python's way to the agent's modules: they came as text over the line, in blocks, and lie on no disk but as `shelf` keeps them."""

from __future__ import annotations

import marshal
import os
import sys
from _thread import allocate_lock

try:
    from _frozen_importlib import ModuleSpec
    from _frozen_importlib_external import PathFinder
except ImportError:  # the same under the names that it takes longer to come by
    from importlib.machinery import ModuleSpec, PathFinder

MOST_KEPT = 40  # blocks, of one or two versions of this program; when there are more, all are let go
SPARES = b"WINDLASS SPARES\n"
# What the agent uses of the standard library, in plain Python, that python3-minimal lacks.
SPARE_MODULES = ("difflib", "hmac", "http", "json", "queue", "secrets", "shlex", "shutil", "tarfile")

LATER = ("functools",)
_LATER = allocate_lock()

TYPE_CHECKING = False
if TYPE_CHECKING:  # the stand-in for `typing` is not to be found yet
    from types import ModuleType
    from typing import Any, Callable, Dict, List, Optional, Set, Tuple

    Codes = Optional[Dict[str, bytes]]
    Read = Callable[[bytes], Dict[str, str]]


class Modules:
    """Finds and loads them, as `sys.meta_path` wants it. Where nothing can be kept, each is compiled when it is first needed."""

    def __init__(self, shelf: Any) -> None:
        self._shelf = shelf
        self._codes: Dict[str, bytes] = {}
        self._texts: Dict[str, str] = {}
        self._packages: Set[str] = set()
        self._unread: List[Tuple[bytes, Read]] = []

    def __contains__(self, name: str) -> bool:
        return name in self._codes or name in self._texts

    def learn(self, block: bytes, read: Read, codes: Codes = None) -> None:
        """More of them; `read` makes names and texts of the block, and is asked only where what is `codes` is not known."""
        codes = codes or self._shelf.taken(block)
        if codes is None:
            texts = read(block)
            codes = self._kept(block, texts) or {}
            self._texts.update(texts)
        else:
            self._unread.append((block, read))
        self._codes.update(codes)
        self._packages.update(name.rpartition(".")[0] for name in codes or texts)

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> Optional[ModuleSpec]:
        """A module of ours; None for all others."""
        return ModuleSpec(name, self, is_package=name in self._packages) if name in self else None  # type: ignore[arg-type]

    def create_module(self, _spec: ModuleSpec) -> Optional[ModuleType]:
        """The usual one will do."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Fill it."""
        name = module.__name__
        code = marshal.loads(self._codes[name]) if name in self._codes else compiled(name, self._texts[name])  # noqa: S302 - ours
        exec(code, module.__dict__)  # noqa: S102 - it is what a loader does

    def get_source(self, name: str) -> str:
        """The text, for whoever has to say where in it something broke."""
        for block, read in self._unread:
            self._texts.update(read(block))
        self._unread.clear()
        return self._texts[name]

    def _kept(self, block: bytes, texts: Dict[str, str]) -> Codes:
        """What is made of the texts, if it can be kept."""
        shelf = self._shelf
        if os.geteuid():
            return None
        os.umask(0o022)
        temporary = "%s.%d" % (shelf.place(block), os.getpid())
        try:
            _make_room(shelf)
            codes = {name: marshal.dumps(compiled(name, text)) for name, text in texts.items()}
            content = marshal.dumps(codes)
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as handle:
                handle.write(shelf.head(content) + content)
            os.rename(temporary, shelf.place(block))
        except OSError:
            _forget(temporary)
            return None
        return codes


def compiled(name: str, text: str) -> Any:
    """What Python makes of a module's text; what is there for people is left out."""
    return compile(text, "<%s>" % name, "exec", dont_inherit=True, optimize=2)


def _make_room(shelf: Any) -> None:
    """The folder, and few files in it. Raises OSError where it is not ours alone."""
    os.makedirs(os.path.dirname(shelf.FOLDER), 0o755, exist_ok=True)
    if not os.path.lexists(shelf.FOLDER):
        os.mkdir(shelf.FOLDER, 0o700)
    if not shelf.is_ours():
        raise PermissionError("%s is not ours alone" % shelf.FOLDER)
    names = os.listdir(shelf.FOLDER)
    for name in names if len(names) >= MOST_KEPT else ():
        _forget(os.path.join(shelf.FOLDER, name))


def _forget(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass


class _Later(type(sys)):  # type: ignore[misc]
    """Stands for a module until something of it is used: `threading` imports what it seldom needs."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        with _LATER:
            if sys.modules.get(self.__name__) is self:
                del sys.modules[self.__name__]
        __import__(self.__name__)
        return getattr(sys.modules[self.__name__], name)


def begin(shelf: Any, block: bytes, read: Read, codes: Codes) -> None:
    """The agent's life. `shelf` has the function `more` besides its own: it gives the next block on the line."""
    for name in LATER:
        sys.modules.setdefault(name, _Later(name))
    ours = Modules(shelf)
    ours.learn(block, read, codes)
    sys.meta_path.insert(0, ours)
    if any(PathFinder.find_spec(name) is None for name in SPARE_MODULES):
        _take_spares(shelf, read)
    from windlass.agent.core.loop import main  # noqa: PLC0415 - it is to be found from now on

    main()


def _take_spares(shelf: Any, read: Read) -> None:
    """Parts of the standard library that are missing here, as the controller has them; what there is here goes before them."""
    os.write(1, SPARES)
    sys.modules["_json"] = None  # type: ignore[assignment]  # their other half may be of another version
    import types  # noqa: PLC0415 - few hosts are so poor

    if not hasattr(types, "GenericAlias"):
        types.GenericAlias = lambda origin, _: origin  # type: ignore[misc,assignment,return-value]
    theirs = Modules(shelf)
    theirs.learn(shelf.more(), read)
    sys.meta_path.append(theirs)
