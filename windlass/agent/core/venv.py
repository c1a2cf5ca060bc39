"""A virtual environment of Python's that can be moved: built in one folder, run in another, on any host with the same Python."""

from __future__ import annotations

import os

from windlass.agent.core import process

FOLDER = ".venv"
# Run by the environment's own Python, as its user. A script names its interpreter by the path where it was installed; here it looks
# beside itself, as uv's relocatable environments do. Only `python` leads out of the environment. `activate` could only lead astray.
_MOVABLE = """
import glob, os, sys
old = b"#!" + os.fsencode(sys.argv[1]) + b"/bin/python"
new = b'''#!/bin/sh
\\'\\'\\'exec\\' "$(dirname -- "$(realpath -- "$0")")/python" "$0" "$@"
\\' \\'\\'\\'
'''
links = [path for path in glob.glob(os.path.join(sys.argv[1], "bin", "python*")) if os.path.islink(path)]
outside = next(os.readlink(path) for path in links if os.path.isabs(os.readlink(path)))
for path in links:
    os.unlink(path)
    os.symlink(outside if os.path.basename(path) == "python" else "python", path)
for path in glob.glob(os.path.join(sys.argv[1], "bin", "*")):
    if os.path.basename(path).lower().startswith("activate"):
        os.unlink(path)
        continue
    if os.path.islink(path) or not os.path.isfile(path):
        continue
    with open(path, "rb") as handle:
        first, rest = handle.readline(), handle.read()
    if first.startswith(old):
        with open(path, "wb") as handle:
            handle.write(new + rest)
"""
# By the hash of the source, not by its time, which packing changes. Installers are not run any more.
_COMPILE = ("-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash", "-x", r"/site-packages/(pip|setuptools)/")


def create(tree: str, user: str, interpreter: str, limit: float) -> None:
    """An empty environment in a tree. Raises OperationError with what Python said, such as that python3-venv is missing."""
    process.must([interpreter, "-m", "venv", os.path.join(tree, FOLDER)], user, folder=tree, limit=limit)


def finish(tree: str, user: str, limit: float) -> None:
    """Make what was installed movable, and compile it, so that no process has to do that when it starts."""
    folder = os.path.join(tree, FOLDER)
    python = os.path.join(folder, "bin", "python")
    process.must([python, "-I", "-c", _MOVABLE, folder], user, folder=tree, limit=limit)
    # A package may bring files for another Python: they do not compile, and nobody imports them.
    process.run([python, "-I", *_COMPILE, os.path.join(folder, "lib")], user, folder=tree, limit=limit)


def detach(tree: str, user: str) -> None:
    """Take out the link to the interpreter, which leads out of the tree; a host that gets the release makes its own."""
    process.must(["rm", "-f", os.path.join(tree, FOLDER, "bin", "python")], user, folder=tree)


def path(tree: str) -> str:
    """What programs are looked for in, with those of the environment first."""
    return "%s:%s" % (os.path.join(tree, FOLDER, "bin"), process.PATH)
