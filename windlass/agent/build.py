"""Making an artefact out of a source, once, on this host."""

from __future__ import annotations

import fnmatch
import hashlib
import os
import shutil
import subprocess
import time
from typing import Any, Dict, List

from windlass.agent.core import atomic, listening, ownership, process, venv
from windlass.agent.core.context import Context
from windlass.agent.core.guard import Guard
from windlass.agent.core.outcome import OperationError, Outcome
from windlass.agent.file import received, sha256_of

KEEP_CACHES = 3


class _Work:
    """One build: its folders, its user, and the seconds that each step took.

    The tree, the home and the cache are the user's. What root writes and reads stands beside them, in a folder of root's:
    a dependency's install script could otherwise lay a link in its way.
    """

    def __init__(self, arguments: Dict[str, Any], context: Context) -> None:
        self.arguments = arguments
        self.context = context
        self.user = arguments["user"]
        self.cache = os.path.join(arguments["root"], "cache")
        self.base = os.path.join(arguments["root"], "build")
        self.home = os.path.join(self.base, "home")
        self.tree = os.path.join(self.base, "tree")
        self.seconds: Dict[str, float] = {}

    def step(self, name: str, started: float) -> None:
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.monotonic() - started, 3)

    def shell(self, command: str) -> process.Completed:
        """A command of the application's, as its user, in the source tree. Raises OperationError with its last lines.

        It ends with the controller's wish for it, for as long as it runs the application is locked.
        """
        self.context.note("build: %s" % command)
        environment = {
            "HOME": self.home,
            "CI": "true",
            "npm_config_cache": os.path.join(self.cache, "npm"),
            "npm_config_update_notifier": "false",
            "PIP_CACHE_DIR": os.path.join(self.cache, "pip"),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "UV_CACHE_DIR": os.path.join(self.cache, "uv"),
        }
        if self.arguments["venv"]:
            environment.update(PATH=venv.path(self.tree), VIRTUAL_ENV=os.path.join(self.tree, venv.FOLDER))
        words = ["/bin/sh", "-c", command]
        with Guard(self.context, self.arguments["limit_seconds"]) as guard:
            program = guard.start(words, self.user, environment, self.tree)
            output, errors = listening.communicate(program)
            guard.check()
        completed = process.Completed(words, program.returncode, output, errors)
        if completed.status != 0:
            lines = (completed.output + completed.errors).decode("utf-8", "replace").splitlines()[-25:]
            raise OperationError("`%s` ended with status %d" % (command, completed.status), last_lines=lines)
        return completed


def build(arguments: Dict[str, Any], context: Context) -> Outcome:
    """Unpack, install, build, prune, pack."""
    if context.check:
        return Outcome(True, unknown=True)
    if arguments["unless"] and os.path.lexists(arguments["unless"]):
        return Outcome(False)
    work = _Work(arguments, context)
    _unpack(work)
    cached = _dependencies(work)
    started = time.monotonic()
    for command in arguments["commands"]:
        work.shell(command)
    if arguments["prune"]:
        work.shell(arguments["prune"])
    work.step("build", started)
    if arguments["venv"]:
        venv.detach(work.tree, work.user)
    path = _pack(work)
    shutil.rmtree(work.tree)
    data = {"path": path, "sha256": sha256_of(path), "size": os.path.getsize(path), "cached": cached, "seconds": work.seconds}
    return Outcome(True, data=data)


def _unpack(work: _Work) -> None:
    started = time.monotonic()
    if os.path.lexists(work.base):
        shutil.rmtree(work.base)
    owner = ownership.owner_ids(work.user, "")[0]
    os.mkdir(work.base, 0o755)
    for folder in (work.tree, work.home, work.cache):
        os.makedirs(folder, mode=0o755, exist_ok=True)
        os.chown(folder, owner, -1)
    source = os.path.join(work.base, "source.tar")
    atomic.write(source, received(work.arguments["source"], work.context), 0o644)
    process.must(["tar", "-xf", source, "-C", work.tree, "--no-same-owner"], work.user, folder=work.tree)
    os.unlink(source)
    work.step("unpack", started)


def _dependencies(work: _Work) -> bool:
    """Put node_modules or .venv in place: from the cache if this lockfile was installed with these tools before. Says whether."""
    started = time.monotonic()
    if not work.arguments["install"]:
        return False
    key = _key(work)
    kept = os.path.join(work.cache, "dependencies-" + key)
    modules = os.path.join(work.tree, venv.FOLDER if work.arguments["venv"] else "node_modules")
    hit = bool(key) and os.path.isdir(kept)
    if hit:
        process.must(["cp", "-a", "--reflink=auto", kept, modules], work.user, folder=work.tree)
        os.utime(kept, follow_symlinks=False)
    else:
        _install(work)
        if key and os.path.isdir(modules):
            shutil.rmtree(kept + ".partial", ignore_errors=True)
            process.must(["cp", "-a", "--reflink=auto", modules, kept + ".partial"], work.user, folder=work.tree)
            os.rename(kept + ".partial", kept)
            _forget_old(work.cache)
    work.step("dependencies from the cache" if hit else "dependencies", started)
    return hit


def _install(work: _Work) -> None:
    python, limit = work.arguments["venv"], work.arguments["limit_seconds"]
    if python:
        venv.create(work.tree, work.user, python, limit)
    work.shell(work.arguments["install"])
    if python:
        venv.finish(work.tree, work.user, limit)


def _key(work: _Work) -> str:
    """What the dependencies are made of: lockfile, install command, versions of the tools, machine. Empty without a lockfile."""
    lockfile = os.path.join(work.tree, work.arguments["lockfile"])
    if not work.arguments["lockfile"] or not os.path.isfile(lockfile):
        return ""
    parts = [sha256_of(lockfile), work.arguments["install"], os.uname().machine]
    parts += [work.shell(command).text.strip() for command in work.arguments["toolchain"]]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]


def _forget_old(cache: str) -> None:
    kept = [os.path.join(cache, name) for name in os.listdir(cache) if name.startswith("dependencies-")]
    for path in sorted(kept, key=os.path.getmtime)[:-KEEP_CACHES]:
        shutil.rmtree(path, ignore_errors=True)


def _pack(work: _Work) -> str:
    """A tar.zst of the tree, with sorted names, one time and no owners, so that equal trees give equal bytes."""
    started = time.monotonic()
    path = os.path.join(work.base, "artefact.tar.zst")
    excludes = _excluded(work.tree, work.arguments["exclude"])
    tar = [
        "tar",
        "--sort=name",
        "--owner=0",
        "--group=0",
        "--numeric-owner",
        "--mtime=@%d" % work.arguments["mtime"],
        "--format=gnu",
    ]
    tar += ["--no-wildcards"] + ["--exclude=./%s" % name for name in excludes] + ["-C", work.tree, "-cf", "-", "."]
    with open(path + ".partial", "wb") as handle:
        packer = process.start(tar, work.user, pipes=(subprocess.DEVNULL, subprocess.PIPE, subprocess.DEVNULL))
        output = process.output_of(packer)
        squeezer = process.start(["zstd", "-q", "-3", "-T0", "-c"], pipes=(output.fileno(), handle.fileno(), subprocess.DEVNULL))
        output.close()
        statuses = (squeezer.wait(), packer.wait())
    if any(statuses):
        raise OperationError(
            "packing the artefact failed (zstd %d, tar %d)" % statuses, hint="is the disk full, and is zstd installed?"
        )
    os.rename(path + ".partial", path)
    work.step("pack", started)
    return path


def _excluded(tree: str, patterns: List[str]) -> List[str]:
    """Paths below the tree that match one of the patterns, not looking into the dependencies."""
    found = [".git"]
    for folder, folders, files in os.walk(tree):
        relative = os.path.relpath(folder, tree)
        for name in folders + files:
            path = name if relative == "." else os.path.join(relative, name)
            if any(fnmatch.fnmatch(path, pattern) for pattern in patterns):
                found.append(path)
        folders[:] = [name for name in folders if name not in ("node_modules", venv.FOLDER)]
    return found


def send_file(arguments: Dict[str, Any], context: Context) -> Outcome:
    """Stream a file to the controller."""
    digest, size = hashlib.sha256(), 0
    with open(arguments["path"], "rb") as handle:
        while True:
            chunk = handle.read(1 << 18)
            if not chunk:
                break
            digest.update(chunk)
            size += len(chunk)
            context.emit(arguments["stream"], chunk)
    context.end_stream(arguments["stream"])
    if arguments["remove"]:
        os.unlink(arguments["path"])
    return Outcome(False, data={"size": size, "sha256": digest.hexdigest()})
