"""How SSH keys are let in."""

from __future__ import annotations

import os
import re
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from windlass.agent.core import atomic, diffs, modules, ownership, safe_paths
from windlass.agent.core.accounts import find, group_name, need_account
from windlass.agent.core.context import Context
from windlass.agent.core.editing import lines_of
from windlass.agent.core.outcome import Changes, OperationError, Outcome
from windlass.agent.file import metadata

KEY = re.compile(r"(?:^|\s)((?:sk-)?(?:ssh|ecdsa)-[a-zA-Z0-9@.-]+)\s+([A-Za-z0-9+/]+={0,3})(?:\s|$)")


def authorized_key(arguments: Dict[str, Any], context: Context) -> Outcome:
    """One public key of a user, among others."""
    key = arguments["key"].strip()
    if arguments["absent"]:
        return _edit(arguments["user"], lambda lines: _without(lines, key), context)
    return _edit(arguments["user"], lambda lines: _with(lines, key), context)


def authorized_keys(arguments: Dict[str, Any], context: Context) -> Outcome:
    """All public keys of a user."""
    keys, on_trial = [key.strip() for key in arguments["keys"]], arguments["confirm_seconds"] and not context.check
    if on_trial and need_account("user", arguments["user"], context) and _would_go(arguments["user"], keys, context):
        return _on_trial(arguments["user"], keys, arguments["confirm_seconds"], context)
    return _edit(arguments["user"], lambda _lines: keys, context)


def _would_go(user: str, keys: List[str], context: Context) -> bool:
    """Whether a key that is let in now would not be any more, or only as another line says."""
    path = os.path.join(_account(user, context).home, ".ssh", "authorized_keys")
    _refuse_links(os.path.dirname(path), path)
    now = lines_of((atomic.read_or_none(path) or b"").decode("utf-8", "surrogateescape"))[0]
    return any(_identity(line) and line.strip() not in keys for line in now)


def _on_trial(user: str, keys: List[str], seconds: float, context: Context) -> Outcome:
    account, folder = _account(user, context), Changes()
    path = os.path.join(account.home, ".ssh", "authorized_keys")
    metadata(folder, os.path.dirname(path), account.owner, account.group, "0700")
    folder.outcome(False)
    file = {"path": path, "content": "".join(key + "\n" for key in keys), "absent": False, "validate": None, "mode": "0600"}
    trial = {"guard": "keys-" + user, "keeps": [], "snapshot": "", "activate": "true", "undo": "true", "seconds": seconds}
    commit = modules.get("windlass.agent.commit", context)
    kept: Outcome = commit.guarded(dict(file, owner=account.owner, group=account.group, **trial), context)
    return Outcome(kept.changed, "keys, confirmed" if kept.changed else "", kept.diff)


def _identity(line: str) -> Optional[Tuple[str, str]]:
    """Type and key of a line; None for a comment."""
    match = KEY.search(line)
    return None if line.lstrip().startswith("#") or not match else (match.group(1), match.group(2))


def _without(lines: List[str], key: str) -> List[str]:
    return [line for line in lines if _identity(line) != _identity(key)]


def _with(lines: List[str], key: str) -> List[str]:
    """The key in the place of the first line with the same one, else at the end; further lines with it go."""
    places = [index for index, line in enumerate(lines) if _identity(line) == _identity(key)]
    if not places:
        return lines + [key]
    return _without(lines[: places[0]], key) + [key] + _without(lines[places[0] + 1 :], key)


class _Account(NamedTuple):
    """Whose keys they are: of the host, or one whom an earlier operation of this check makes."""

    name: str
    home: str
    owner: str
    group: str


def _account(user: str, context: Context) -> _Account:
    has = find(user, context)
    if has is None:  # another operation of this check than a User makes it
        return _Account(user, "/home/%s" % user, user, user)
    return _Account(user, has.home, user, group_name(has.group) or user)


def _edit(user: str, edit: Callable[[List[str]], List[str]], context: Context) -> Outcome:
    if not need_account("user", user, context):
        return Outcome(True, "the user is not there yet", unknown=True)
    changes, account = Changes(), _account(user, context)
    folder = os.path.join(account.home, ".ssh")
    path = os.path.join(folder, "authorized_keys")
    _refuse_links(folder, path)
    foreseen = context.foreseen(path)
    if foreseen and foreseen.is_unread():
        return Outcome(True, "what is in the file is not known yet", unknown=True)
    before = foreseen.text(path) if foreseen else atomic.read_or_none(path)
    lines = [line.rstrip("\r") for line in lines_of((before or b"").decode("utf-8", "surrogateescape"))[0]]
    wanted = edit(lines)
    if before is None and not wanted:
        return changes.outcome(context.check)
    after = "".join(line + "\n" for line in wanted).encode("utf-8", "surrogateescape")
    _want_file(changes, account, (before, wanted != lines, after), context)
    if changes and context.foresights:
        _foresee(path, account, after, context)
    return changes.outcome(context.check)


def _want_file(changes: Changes, account: _Account, texts: Tuple[Optional[bytes], bool, bytes], context: Context) -> None:
    """`texts`: what is there, whether it differs in a way that counts, what should be there."""
    folder = os.path.join(account.home, ".ssh")
    path = os.path.join(folder, "authorized_keys")
    before, differs, after = texts
    if not context.is_folder(folder):
        _need_home(changes, account, context)
        changes.add("make %s" % folder, lambda: _make_folder(account, folder))
    else:
        metadata(changes, folder, account.owner, account.group, "0700", context.foreseen(folder))
    if before is None or differs:
        diff = diffs.text_diff(before, after, path)
        changes.add("keys", lambda: _write(folder, after, account), diff)
    else:
        metadata(changes, path, account.owner, account.group, "0600", context.foreseen(path))


def _foresee(path: str, account: _Account, content: bytes, context: Context) -> None:
    folder, foreseen = os.path.dirname(path), context.foreseen(path)
    dress = {"owner": account.owner, "group": account.group}
    context.foresights.folder(folder, dict(dress, mode="0700"), context.foreseen(folder))
    context.foresights.file(path, dict(dress, mode="0600"), foreseen, content)


def _refuse_links(folder: str, path: str) -> None:
    """Root writes here, in a place that belongs to the user: a link could lead anywhere."""
    for each in (folder, path):
        if os.path.islink(each):
            raise OperationError("%s is a symbolic link" % each, hint="make it a real one; keys are not written through links")
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise OperationError("%s is there and is not a directory" % folder, hint="move it away if it is not needed")


def _write(folder: str, content: bytes, account: _Account) -> None:
    """Into the very folder that was looked at, whatever its owner does to its name meanwhile."""
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        atomic.write(os.path.join(ownership.HELD % held, "authorized_keys"), [content], 0o600, account.owner, account.group)
    finally:
        os.close(held)


def _need_home(changes: Changes, account: _Account, context: Context) -> None:
    if context.is_folder(account.home):
        return
    if not context.check or not (context.is_unknown(account.home) or context.expects_surprises()):
        raise OperationError("%s has no home directory %s" % (account.name, account.home), hint="make it with create_home")
    changes.unknown = True


def _make_folder(account: _Account, folder: str) -> None:
    os.mkdir(folder, 0o700)
    safe_paths.dress(folder, ownership.owner_ids(account.owner, account.group), 0o700)
