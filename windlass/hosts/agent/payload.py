"""The agent's loop as one compressed program, and the one-liner that starts it on any host."""

from __future__ import annotations

import functools
import marshal
import shlex
import threading
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from windlass.agent.core.loader import SPARE_MODULES
from windlass.hosts.agent import agent_kept, agent_modules

# No backslashes and only these quotes: what a login shell such as fish or csh makes of them differs.
# Reads the payload's length (eight digits) and the payload from stdin, and not a byte of the frames that follow.
# Whoever waits in vain for it ends by himself, when the line has been cut without a word: `loop.main` stops the clock.
_STUB = (
    "import _signal,os,sys,zlib\n"
    "_signal.alarm(SECONDS)\n"
    "def r(n):\n"
    " b=b''\n"
    " while len(b)<n:\n"
    "  c=os.read(0,n-len(b))\n"
    "  if not c:sys.exit(1)\n"
    "  b+=c\n"
    " return b\n"
    "if sys.version_info<(3,8):os.write(1,b'WINDLASS OLD-PYTHON %d.%d%c'%(sys.version_info[:2]+(10,)));sys.exit(1)\n"
    "os.write(1,b'WINDLASS READY%c'%10)\n"
    "exec(compile(zlib.decompress(r(int(r(8)))),'<windlass agent>','exec'))\n"
)

# Runs what follows with a terminal of its own to be controlled by, as sudo's requiretty wants it; standard input and output stay
# the connection's. Both ends are held here until it ends: without them it would be hung up on.
_TERMINAL = (
    "import fcntl,os,sys,termios\n"
    "ours,theirs=os.openpty()\n"
    "child=os.fork()\n"
    "if not child:os.setsid();fcntl.ioctl(theirs,termios.TIOCSCTTY,0);os.execvp(sys.argv[1],sys.argv[1:])\n"
    "os.closerange(0,3)\n"
    "os._exit(os.waitpid(child,0)[1]>>8)\n"
)

# What follows the text of `shelf`, which is not to be found by its name yet: the first block of modules, and who loads them.
# `r`, `os`, `sys`, `zlib`: the stub's.
_BOOT = """
import gc
def more():
    return r(int(r(8)))
def texts(block):
    return marshal.loads(zlib.decompress(block))
def begin(name):
    block = more()
    codes = taken(block)
    code = marshal.loads(codes[name]) if codes else compile(texts(block)[name], "<" + name + ">", "exec", 0, True)
    sys.modules[name] = loader = type(sys)(name)
    exec(code, loader.__dict__)
    loader.begin(sys.modules["__main__"], block, texts, codes)
gc.set_threshold(50000, 20, 100)
begin("windlass.agent.core.loader")
"""
_HTTP = """
from enum import IntEnum
class HTTPStatus(IntEnum):
    def __new__(cls, value, phrase):
        made = int.__new__(cls, value)
        made._value_, made.phrase = value, phrase
        return made
    KNOWN
"""
_NOT_NEEDED = ("http.server", "http.cookies", "http.cookiejar", "json.tool", "json.__main__")
_MARSHAL_VERSION = 2  # which every Python reads

ARRIVES_WITHIN = 60  # seconds after which a host waits for the agent no more

READY = b"WINDLASS READY\n"
OLD_PYTHON = b"WINDLASS OLD-PYTHON"
NO_PYTHON = b"WINDLASS NO-PYTHON"
NO_NULL = b"WINDLASS NO-NULL"

_making = threading.Lock()


def payload() -> bytes:
    """What follows the start command on stdin: an importer and the modules of the loop. Made once for all hosts."""
    with _making:  # or all that are called at once would make one each
        return _payload()


@functools.cache
def _payload() -> bytes:
    return agent_kept.made(("payload",), _packed)


def _packed() -> bytes:
    sources = {"windlass": "", **agent_modules.texts(agent_modules.needed(agent_modules.LOADER))}
    return _block((agent_modules.source(agent_modules.SHELF) or b"") + _BOOT.encode()) + _modules(sources)


@functools.cache
def spares() -> bytes:
    """What follows for a host that asked with SPARES: this Python's own sources of what is missing there."""
    library = Path(shlex.__file__).parent
    sources: dict[str, bytes] = {}
    for name in SPARE_MODULES:
        if (library / name).is_dir():
            sources |= _sources(library / name, name)
        else:
            sources[name] = (library / f"{name}.py").read_bytes()
    sources["http"] = _http().encode()
    sources["hmac"] = sources["hmac"].replace(
        b"import _hashlib as _hashopenssl", b"raise ImportError"
    )  # its part in C differs by version
    return _modules({name: source.decode() for name, source in sources.items() if name not in _NOT_NEEDED})


def _http() -> str:
    """`http` as older Pythons can read it: theirs may be older than the controller's."""
    from http import HTTPStatus  # noqa: PLC0415 - for a few hosts only

    known = "; ".join(f"{status.name} = {status.value}, {status.phrase!r}" for status in HTTPStatus)
    return _HTTP.replace("KNOWN", known)


def _sources(folder: Path, package: str) -> dict[str, bytes]:
    sources = {}
    for path in sorted(folder.rglob("*.py")):
        parts = [package, *path.relative_to(folder).with_suffix("").parts]
        sources[".".join(parts).removesuffix(".__init__")] = path.read_bytes()
    return sources


def _modules(sources: Mapping[str, str]) -> bytes:
    return _block(marshal.dumps(dict(sources), _MARSHAL_VERSION))


def _block(content: bytes) -> bytes:
    """The length in eight digits, then the content compressed: what the stub's `r(int(r(8)))` reads."""
    compressed = zlib.compress(content, 6)  # 9 takes twice as long for half a percent
    return b"%08d" % len(compressed) + compressed


def start_command(*, sudo: str, tag: str, words: Sequence[str] = (), terminal: bool = False) -> str:
    """The command line that finds a Python and starts the agent with it.

    sudo   the words that become root, for example `sudo -n`; empty to stay who one is
    tag    who is at work, shown to the host's administrators by `ps`
    words  how many seconds the agent waits for a controller that it lost, and which process that is; or `attach`
    terminal   give sudo a terminal of its own
    """
    # Whatever language the host speaks, sudo's refusals are told in the one that is understood here, and file names are UTF-8.
    plain = "LC_ALL=C; export LC_ALL; "
    first = f'"$p" -I -S -c {_quoted(_TERMINAL)} {sudo}' if terminal else sudo
    last = f"-I -S -u -c {_quoted(_STUB.replace('SECONDS', str(ARRIVES_WITHIN)))} {shlex.join((tag, *words))}"
    script = (
        f"{plain}for p in python3 /usr/bin/python3 /usr/local/bin/python3 /usr/libexec/platform-python; do "
        f'if command -v "$p" >/dev/null 2>&1; then exec {first} "$p" {last}; fi; done; '
        "test -w /dev/null && echo WINDLASS NO-PYTHON || echo WINDLASS NO-NULL; exit 127"
    )
    return f"exec /bin/sh -c {shlex.quote(script)}"


def _quoted(program: str) -> str:
    """A program as one line and one word of a shell."""
    one_line = program.replace("\n", "~")
    return shlex.quote(f"exec({one_line!r}.replace('~',chr(10)))")
