"""The agent's loop as one compressed program, and the one-liner that starts it on any host."""

from __future__ import annotations

import functools
import marshal
import shlex
import zlib
from collections.abc import Sequence
from pathlib import Path

from windlass.hosts import agent_modules

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

# An importer that serves the agent's modules from memory, each compiled when it is first needed; more come as operations need them.
# `r`, `os`, `zlib`: the stub's.
# Compiling is a quarter of what an unchanged host computes, so root keeps the outcome until the next boot, in a folder that nobody
# else may look into, by the checksum of text and Python, with a checksum of its own; what is not just so is compiled anew.
# Where parts of the standard library are missing (Debian's python3-minimal), it asks for them, and serves the controller's.
_LOADER = """
import hashlib, marshal, sys
from importlib.machinery import ModuleSpec, PathFinder
def keeps():
    if os.geteuid():
        return False
    os.umask(0o022)
    try:
        os.makedirs(os.path.dirname(KEPT), 0o755, exist_ok=True)
        if not os.path.lexists(KEPT):
            os.mkdir(KEPT, 0o700)
        found = os.lstat(KEPT)
        if found.st_uid or found.st_mode & 0o170077 != 0o040000:
            return False
        names = os.listdir(KEPT)
        for name in names if len(names) > MOST_KEPT else ():
            forget(KEPT + "/" + name)
    except OSError:
        return False
    return True
def compiled(name, source):
    if not KEEPS:
        return compile(source, "<" + name + ">", "exec")
    path = KEPT + "/" + hashlib.sha256(("%s %s " % (name, sys.version)).encode() + source).hexdigest()
    try:
        with open(path, "rb") as handle:
            kept = handle.read()
        if hashlib.sha256(kept[32:]).digest() == kept[:32]:
            return marshal.loads(kept[32:])
    except OSError:
        pass
    code = compile(source, "<" + name + ">", "exec")
    body = marshal.dumps(code)
    made = "%s.%d" % (path, os.getpid())
    try:
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as handle:
            handle.write(hashlib.sha256(body).digest() + body)
        os.rename(made, path)
    except OSError:
        forget(made)
    return code
def forget(path):
    try:
        os.unlink(path)
    except OSError:
        pass
KEEPS = keeps()
class Finder:
    def __init__(self, sources):
        self.sources = sources
    def find_spec(self, name, path=None, target=None):
        if name in self.sources:
            return ModuleSpec(name, self, is_package=any(other.startswith(name + ".") for other in self.sources))
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        name = module.__spec__.name
        exec(compiled(name, self.sources[name]), module.__dict__)
    def get_source(self, name):
        return self.sources[name].decode()
def sources():
    return marshal.loads(zlib.decompress(r(int(r(8)))))
sys.meta_path.insert(0, Finder(sources()))
if any(PathFinder.find_spec(name) is None for name in SPARES):
    os.write(1, b"WINDLASS SPARES%c" % 10)
    sys.modules["_json"] = None
    import types
    if not hasattr(types, "GenericAlias"):
        types.GenericAlias = lambda origin, _: origin
    sys.meta_path.append(Finder(sources()))
from windlass.agent.core.loop import main
main()
"""
# What the agent uses of the standard library, in plain Python, that python3-minimal lacks.
SPARE_MODULES = ("difflib", "hmac", "http", "json", "queue", "secrets", "shlex", "shutil", "tarfile")
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

KEPT = "/run/windlass/code"  # on hosts
ARRIVES_WITHIN = 60  # seconds after which a host waits for the agent no more
MOST_KEPT = 400  # modules there, of one or two versions of this program; more are let go

READY = b"WINDLASS READY\n"
SPARES = b"WINDLASS SPARES\n"
OLD_PYTHON = b"WINDLASS OLD-PYTHON"
NO_PYTHON = b"WINDLASS NO-PYTHON"


@functools.cache
def payload() -> bytes:
    """What follows the start command on stdin: an importer and the modules of the loop. Made once for all hosts."""
    loop = {name: agent_modules.source(name) or b"" for name in sorted(agent_modules.needed(agent_modules.LOOP))}
    sources = {"windlass": b"", **loop}
    given = f"SPARES, KEPT, MOST_KEPT = {SPARE_MODULES!r}, {KEPT!r}, {MOST_KEPT}\n"
    return _block((given + _LOADER).encode()) + _modules(sources)


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
    return _modules({name: source for name, source in sources.items() if name not in _NOT_NEEDED})


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


def _modules(sources: dict[str, bytes]) -> bytes:
    return _block(marshal.dumps(sources, _MARSHAL_VERSION))


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
        "echo WINDLASS NO-PYTHON; exit 127"
    )
    return f"exec /bin/sh -c {shlex.quote(script)}"


def _quoted(program: str) -> str:
    """A program as one line and one word of a shell."""
    one_line = program.replace("\n", "~")
    return shlex.quote(f"exec({one_line!r}.replace('~',chr(10)))")
