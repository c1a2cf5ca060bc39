"""How sources of packages come to be, and go."""

from __future__ import annotations

import base64
import os
import re
import time
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

from windlass.agent.core import apt_get, atomic, diffs, locks, process, temporary
from windlass.agent.core.apt_get import LOCKS, OPTIONS, QUIET
from windlass.agent.core.context import Context
from windlass.agent.core.installed import Installed, besides
from windlass.agent.core.outcome import Changes, OperationError, Outcome

KEYRINGS = "/etc/apt/keyrings"
LOCK_LIMIT = 300.0  # seconds; another apt may be installing


def apt_repository(arguments: Dict[str, Any], context: Context) -> Outcome:
    """A source, the key that signs it, and its list of packages."""
    wanted = _wanted(arguments)
    before = {path: atomic.read_or_none(path) for path, _content in wanted}
    differing = [(path, content) for path, content in wanted if before[path] != content]
    changes = Changes()
    act = _action(differing, arguments, context)
    for path, content in differing:
        text, diff = _described(path, before[path], content)
        changes.add(text, act if not changes else _done_already, diff)
        context.expect("path", path)
    if differing and arguments["update"] and not arguments["absent"]:
        changes.add("fetch its list", _done_already)
        context.expect("command", "a new source of packages")
        changes.unknown = True  # whether it answers, and whether the key is its own
    return changes.outcome(context.check)


def _done_already() -> None:
    """All parts are made at once, or none of them."""


def _wanted(arguments: Dict[str, Any]) -> List[Tuple[str, Optional[bytes]]]:
    """The files and what should be in them, the key first; None is for no file."""
    if arguments["absent"]:
        return [(arguments["path"], None), (arguments["keyring"], None)]
    key = [(arguments["keyring"], base64.b64decode(arguments["key"]))] if arguments["key"] else []
    return [*key, (arguments["path"], arguments["content"].encode())]


def _described(path: str, before: Optional[bytes], content: Optional[bytes]) -> Tuple[str, str]:
    what = "key" if path.startswith(KEYRINGS) else "source"
    if content is None:
        return "remove %s" % what, "-%s" % path
    if what == "key":
        return what, "%s: %s" % (path, "another key" if before else "new key")
    return what, diffs.text_diff(before, content, path)


def _action(differing: List[Tuple[str, Optional[bytes]]], arguments: Dict[str, Any], context: Context) -> Callable[[], None]:
    def act() -> None:
        if arguments["update"] and not arguments["absent"]:
            _try_out(arguments, context)
        for path, content in differing:
            if content is not None:
                os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
                atomic.write(path, [content], 0o644, "root", "root")
            elif os.path.lexists(path):
                os.unlink(path)

    return act


def _try_out(arguments: Dict[str, Any], context: Context) -> None:
    """Fetch the list as the source would have it, from files beside: a source that cannot be used breaks every use of apt."""
    with temporary.folder("apt") as folder:
        os.chmod(folder, 0o755)  # noqa: S103 - apt reads keys as a user of its own
        source, key = os.path.join(folder, "new.sources"), os.path.join(folder, "new.gpg")
        content = arguments["content"]
        if arguments["key"]:
            atomic.write(key, [base64.b64decode(arguments["key"])], 0o644)
            content = content.replace(arguments["keyring"], key)
        atomic.write(source, [content.encode()], 0o644)
        _fetch_list(source, arguments, context)


def _fetch_list(source: str, arguments: Dict[str, Any], context: Context) -> None:
    """The list of this source alone: others may be slow, or broken, which is not this operation's business."""
    locks.wait_until_free(LOCKS, LOCK_LIMIT, context)
    command = ["apt-get", "--quiet=2", "-o", "APT::Update::Error-Mode=any", "-o", "APT::Get::List-Cleanup=0"]
    command += ["-o", "Dir::Etc::SourceList=" + source, "-o", "Dir::Etc::SourceParts=-", "update"]
    completed = process.run(command, extra=QUIET, limit=float(arguments["limit_seconds"]))
    if completed.status != 0:
        raise OperationError(
            "apt cannot use this source, so nothing was changed",
            hint="see whether the address, the suites and the key belong together",
            last_lines=completed.last_lines(8),
        )


def apt_hold(arguments: Dict[str, Any], context: Context) -> Outcome:
    """Packages that stay at their version."""
    held = set(process.must(["apt-mark", "showhold"], limit=60).text.split())
    verb, opposite = ("unhold", "hold") if arguments["absent"] else ("hold", "unhold")
    wrong = [name for name in arguments["names"] if _is_held(name, held, context) is arguments["absent"]]
    changes = Changes()
    if wrong:
        changes.unknown = context.check and not arguments["absent"] and not _has_all(wrong, context)
        for name in wrong:
            context.expect(verb, name)
            context.expect_nobody(opposite, name)
        diff = "\n".join("%s: %s" % (name, verb) for name in wrong)
        command = ["apt-mark", verb, "--", *wrong]
        changes.add("%s %s" % (verb, ", ".join(wrong)), lambda: process.must(command, extra=QUIET, limit=60), diff)
    return changes.outcome(context.check)


def _is_held(name: str, held: Set[str], context: Context) -> bool:
    """Now; in a check, as earlier operations leave it."""
    return not context.expected("unhold", name) and (name in held or context.expected("hold", name))


def _has_all(names: List[str], context: Context) -> bool:
    """Whether they are there, or will be: apt holds none of which it has never heard."""
    installed = context.known.ask("dpkg", Installed).versions
    return all(name in installed or context.expected("package", name) for name in names)


def apt_upgrade(arguments: Dict[str, Any], context: Context) -> Outcome:
    """What apt says that it would do is what it is then told to do."""
    changes, unsure = Changes(), ""
    if apt_get.list_is_old(float(arguments["update_after_hours"]), time.time()):
        if context.check:
            unsure = "the list of packages is old"
        else:
            apt_get.fetch_list(float(arguments["limit_seconds"]), LOCK_LIMIT, context)
    if context.foresights and context.foresights.packages:
        unsure = "hangs on what comes before"
    words = ["install", "--only-upgrade", "--", *arguments["names"]] if arguments["names"] else ["upgrade"]
    newer, replaced = _steps(words)
    if newer:
        diff = "\n".join(["+%s %s (now %s)" % (name, new, old or "none") for name, old, new in newer] + _gone(replaced))
        text = "upgrade %s" % ", ".join(name for name, _old, _new in newer)
        text += ", with it goes %s" % ", ".join(replaced) if replaced else ""
        changes.add(text, lambda: _do(words, arguments, context), diff)
    if arguments["autoremove"]:
        _want_no_more_than_needed(changes, arguments, context)
    if unsure and not changes:
        return Outcome(True, unsure, unknown=True)
    if changes:
        context.expect("upgrade", "")
    changes.unknown = bool(unsure)
    return changes.outcome(context.check)


def _want_no_more_than_needed(changes: Changes, arguments: Dict[str, Any], context: Context) -> None:
    """What nobody needs any more goes, also what nobody needs any more after an upgrade, of which a check knows nothing."""
    _none, gone = _steps(["autoremove"])
    if not gone and not changes:
        return

    def remove() -> None:
        before = Installed().packages()
        _do(["autoremove"], arguments, context)
        changes.tell(*besides(before, Installed().packages(), gone))

    unsure = ["what nobody needs after the upgrade: unknown until run"] if changes and context.check else []
    changes.add("remove %s" % (", ".join(gone) or "what nobody needs then"), remove, "\n".join(_gone(gone) + unsure))


def _steps(words: List[str]) -> Tuple[List[Any], List[str]]:
    """What apt would install (name, version now and then) and take away."""
    text = process.must(["apt-get", "--simulate", "--quiet=2", *words], extra=QUIET, limit=120).text
    comes = re.findall(r"^Inst (\S+) (?:\[(\S+)\] )?\((\S+)", text, re.MULTILINE)
    return comes, re.findall(r"^(?:Remv|Purg) (\S+)", text, re.MULTILINE)


def _gone(names: List[str]) -> List[str]:
    return ["-%s" % name for name in names]


def _do(words: List[str], arguments: Dict[str, Any], context: Context) -> None:
    locks.wait_until_free(LOCKS, LOCK_LIMIT, context)
    command = ["apt-get", "--yes", "--quiet=2", *OPTIONS, *words]
    process.must(command, extra=QUIET, limit=float(arguments["limit_seconds"]))
