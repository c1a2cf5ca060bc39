"""The agent's source as one compressed program, and the one-liner that starts it on any host."""

from __future__ import annotations

import functools
import shlex
import zlib
from collections.abc import Sequence
from pathlib import Path

import windlass.agent

# No backslashes and only these quotes: what a login shell such as fish or csh makes of them differs.
# Reads the payload's length (eight digits) and the payload from stdin, and not a byte of the frames that follow.
_STUB = (
    "import os,sys,zlib\n"
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

# An importer that serves the agent's modules from memory, each compiled when it is first needed.
_LOADER = """
import sys
from importlib.machinery import ModuleSpec
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name in SOURCES:
            return ModuleSpec(name, self, is_package=name in PACKAGES)
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        name = module.__spec__.name
        exec(compile(SOURCES[name], "<" + name + ">", "exec"), module.__dict__)
    def get_source(self, name):
        return SOURCES[name]
sys.meta_path.insert(0, Finder())
from windlass.agent.core.loop import main
main()
"""

READY = b"WINDLASS READY\n"
OLD_PYTHON = b"WINDLASS OLD-PYTHON"
NO_PYTHON = b"WINDLASS NO-PYTHON"


@functools.cache
def payload() -> bytes:
    """What follows the start command on stdin: the length in eight digits, then the compressed agent. Made once for all hosts."""
    folder = Path(windlass.agent.__file__).parent
    sources = {"windlass": ""}
    packages = {"windlass"}
    for path in sorted(folder.rglob("*.py")):
        parts = ["windlass", "agent", *path.relative_to(folder).with_suffix("").parts]
        if parts[-1] == "__init__":
            parts.pop()
            packages.add(".".join(parts))
        sources[".".join(parts)] = path.read_text(encoding="utf-8")
    program = f"SOURCES = {sources!r}\nPACKAGES = {packages!r}\n{_LOADER}"
    compressed = zlib.compress(program.encode(), 6)  # 9 takes twice as long for half a percent
    return b"%08d" % len(compressed) + compressed


def start_command(*, sudo: str, tag: str, words: Sequence[str] = ()) -> str:
    """The command line that finds a Python and starts the agent with it.

    sudo   the words that become root, for example `sudo -n`; empty to stay who one is
    tag    who is at work, shown to the host's administrators by `ps`
    words  how many seconds the agent waits for a controller that it lost, and which process that is; or `attach`
    """
    one_line = _STUB.replace("\n", "~")
    stub = shlex.quote(f"exec({one_line!r}.replace('~',chr(10)))")
    script = (
        "for p in python3 /usr/bin/python3 /usr/local/bin/python3 /usr/libexec/platform-python; do "
        f'if command -v "$p" >/dev/null 2>&1; then exec {sudo} "$p" -I -S -u -c {stub} {shlex.join((tag, *words))}; fi; done; '
        "echo WINDLASS NO-PYTHON; exit 127"
    )
    return f"exec /bin/sh -c {shlex.quote(script)}"
