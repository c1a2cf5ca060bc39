"""How virtual environments come to be, and what is installed in them."""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import shutil
from typing import Any, Callable, Dict, List, Tuple

from windlass.agent.core import atomic, process
from windlass.agent.core.accounts import need_account
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import Changes, OperationError, Outcome
from windlass.agent.file import need_folder

LOOK_LIMIT = 60.0  # seconds
STAMP = ".windlass-requirements"  # the checksum of the requirements that were installed last
PIP = ["-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet"]
# Run by the environment's own Python: which of these requirements hold, and with what version.
LOOK = """
import json, re, sys
from importlib import metadata
try:
    from pip._vendor.packaging.requirements import Requirement
except ImportError:
    Requirement = None
def look(text):
    if Requirement is None:
        name, _, version = re.sub(r"\\[.*?\\]", "", text).replace(" ", "").partition("==")
        wanted, fits = re.split("[<>=!~;@ ]", name)[0], lambda has: version in ("", has)
    else:
        wanted = Requirement(text)
        if wanted.marker and not wanted.marker.evaluate():
            return [text, True, ""]
        fits = lambda has, wanted=wanted: wanted.specifier.contains(has, prereleases=True)
        wanted = wanted.name
    try:
        has = metadata.version(wanted)
    except metadata.PackageNotFoundError:
        return [text, False, ""]
    return [text, bool(fits(has)), has]
print(json.dumps([look(text) for text in json.load(sys.stdin)]))
"""


def python_environment(arguments: Dict[str, Any], context: Context) -> Outcome:
    """A virtual environment and what is in it."""
    path, changes = arguments["path"].rstrip("/"), Changes()
    if arguments["absent"]:
        if os.path.lexists(path):
            _refuse_what_is_none(path)
            changes.add("remove", lambda: shutil.rmtree(path), "-%s" % path)
        return changes.outcome(context.check)
    fresh = not _works(path)
    if fresh:
        _want_made(changes, path, arguments, context)
    lines, digest, others = _requirements(arguments["requirements"], changes, context)
    wanted = list(arguments["packages"])
    missing = [(each, "") for each in wanted + lines] if fresh else _missing(path, wanted + lines, arguments)
    if missing or (others and _stamp(path) != digest):
        changes.unknown = True  # whether the index has them
        _want_installed(changes, path, missing, digest, arguments)
    elif arguments["upgrade"] and not fresh and (wanted or digest):
        _want_upgraded(changes, path, _words(arguments), arguments)
    return changes.outcome(context.check)


def pip_package(arguments: Dict[str, Any], context: Context) -> Outcome:
    """Packages in an environment that is there."""
    path, names, changes = arguments["environment"].rstrip("/"), list(arguments["names"]), Changes()
    if not _works(path):
        if context.check and (context.expects_path(path) or context.expects_surprises()):
            return Outcome(not arguments["absent"], "install %s" % ", ".join(names), unknown=not arguments["absent"])
        raise OperationError("there is no virtual environment %s" % path, hint="add a PythonEnvironment before this operation")
    missing = _missing(path, names, arguments)
    if arguments["absent"]:
        gone = sorted(set(names) - {name for name, _has in missing})
        if gone:
            command = [*_python(path), *PIP, "uninstall", "--yes", "--", *gone]
            changes.add("remove %s" % ", ".join(gone), lambda: _pip(command, arguments), "\n".join("-%s" % name for name in gone))
    elif missing:
        changes.unknown = True
        command = [*_python(path), *PIP, "install", "--", *names]
        _add_install(changes, missing, lambda: _pip(command, arguments))
    elif arguments["upgrade"]:
        _want_upgraded(changes, path, ["--", *names], arguments)
    return changes.outcome(context.check)


def _python(path: str) -> List[str]:
    return [os.path.join(path, "bin", "python"), "-I"]


def _works(path: str) -> bool:
    """Whether it is an environment whose interpreter is still there: an upgrade of Debian takes old ones away."""
    return os.path.isfile(os.path.join(path, "pyvenv.cfg")) and os.access(os.path.join(path, "bin", "python"), os.X_OK)


def _refuse_what_is_none(path: str) -> None:
    if (
        os.path.lexists(path)
        and not os.path.isfile(os.path.join(path, "pyvenv.cfg"))
        and not (os.path.isdir(path) and not os.listdir(path))
    ):
        raise OperationError("%s is there and is no virtual environment" % path, hint="move it away, or choose another path")


def _want_made(changes: Changes, path: str, arguments: Dict[str, Any], context: Context) -> None:
    _refuse_what_is_none(path)
    need_folder(changes, path, context)
    if not shutil.which(arguments["interpreter"], path=process.PATH):
        if not (context.check and context.expects_surprises()):
            raise OperationError(
                "there is no %s on this host" % arguments["interpreter"], hint="add a Package that brings it before"
            )
        changes.unknown = True
    if not need_account("user", arguments["user"], context):
        changes.unknown = True
    changes.add("make anew" if os.path.lexists(path) else "make", lambda: _make(path, arguments), "+%s/" % path)
    context.expect("path", path)
    context.expect("tree", path)


def _make(path: str, arguments: Dict[str, Any]) -> None:
    was_there, user = os.path.isdir(path), arguments["user"]
    if not was_there:
        os.mkdir(path, 0o755)
    try:
        account = pwd.getpwnam(user)
        os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=was_there)
        options = ["--clear"] + (["--system-site-packages"] if arguments["system_packages"] else [])
        process.must([arguments["interpreter"], "-m", "venv", *options, path], user, limit=float(arguments["limit_seconds"]))
    except OperationError as error:
        if not was_there:
            shutil.rmtree(path)
        error.hint = error.hint or 'on Debian: add Package(names=("python3-venv",)) before this operation'
        raise


def _requirements(path: str, changes: Changes, context: Context) -> Tuple[List[str], str, bool]:
    """The requirements in a file, its checksum, and whether it says more than can be looked up here (options, addresses)."""
    if not path:
        return [], "", False
    foreseen = context.foreseen(path)
    content = foreseen.text(path) if foreseen else atomic.read_or_none(path)
    if content is None:
        if not (context.check and (context.expects_path(path) or context.expects_surprises())):
            raise OperationError("there is no file %s" % path, hint="add a File for it before this operation")
        changes.unknown = True
        content = b"--unknown"
    joined = content.decode("utf-8", "replace").replace("\\\n", " ")
    lines = [line.partition(" #")[0].partition(" --")[0].strip() for line in joined.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    plain = [line for line in lines if line[0].isalnum() and "://" not in line]
    return plain, hashlib.sha256(content).hexdigest(), len(plain) < len(lines)


def _stamp(path: str) -> str:
    return (atomic.read_or_none(os.path.join(path, STAMP)) or b"").decode("ascii", "replace").strip()


def _missing(path: str, wanted: List[str], arguments: Dict[str, Any]) -> List[Tuple[str, str]]:
    """What does not hold, each with the version that is there instead."""
    if not wanted:
        return []
    command = [*_python(path), "-c", LOOK]
    answer = process.must(command, arguments["user"], give=json.dumps(wanted), limit=LOOK_LIMIT)
    return [(text, has) for text, holds, has in json.loads(answer.text) if not holds]


def _words(arguments: Dict[str, Any]) -> List[str]:
    hashes = ["--require-hashes"] if arguments["require_hashes"] else []
    file = ["--requirement", arguments["requirements"]] if arguments["requirements"] else []
    return [*hashes, *file, "--", *arguments["packages"]]


def _want_installed(changes: Changes, path: str, missing: List[Tuple[str, str]], digest: str, arguments: Dict[str, Any]) -> None:
    upgrade = ["--upgrade"] if arguments["upgrade"] else []

    def install() -> None:
        _pip([*_python(path), *PIP, "install", *upgrade, *_words(arguments)], arguments)
        if digest:
            account = pwd.getpwnam(arguments["user"])
            ids = str(account.pw_uid), str(account.pw_gid)
            atomic.write(os.path.join(path, STAMP), [digest.encode() + b"\n"], 0o644, *ids)

    _add_install(changes, missing or [(os.path.basename(arguments["requirements"]), "")], install)


def _add_install(changes: Changes, missing: List[Tuple[str, str]], action: Callable[[], None]) -> None:
    diff = "\n".join("+%s%s" % (name, " (now %s)" % has if has else "") for name, has in missing)
    changes.add("install %s" % ", ".join(name for name, _has in missing), action, diff)


def _want_upgraded(changes: Changes, path: str, words: List[str], arguments: Dict[str, Any]) -> None:
    """Ask pip what an upgrade would bring, which changes nothing."""
    command = [*_python(path), *PIP, "install", "--upgrade", "--dry-run", "--report", "-", *words]
    completed = process.run(command, arguments["user"], limit=float(arguments["limit_seconds"]))
    if completed.status != 0:
        hint = 'pip knows this from 22.2 on: give packages=("pip>=22.2",) first' if b"--report" in completed.errors else ""
        raise OperationError("pip cannot say what is newer", hint=hint, last_lines=completed.last_lines(8))
    found = [each["metadata"] for each in json.loads(completed.text)["install"]]
    if found:
        names = ["%s %s" % (each["name"], each["version"]) for each in found]
        action = [*_python(path), *PIP, "install", "--upgrade", *words]
        changes.add("upgrade to %s" % ", ".join(names), lambda: _pip(action, arguments), "\n".join("+" + name for name in names))


def _pip(command: List[str], arguments: Dict[str, Any]) -> None:
    completed = process.run(command, arguments["user"], limit=float(arguments["limit_seconds"]))
    if completed.status != 0:
        raise OperationError(
            "pip ended with status %d" % completed.status,
            hint="check the names, the index and the way to it; what has to be compiled needs a compiler and headers",
            last_lines=completed.last_lines(10),
        )
