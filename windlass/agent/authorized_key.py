"""How SSH keys are let in."""

from __future__ import annotations

import os
import pwd
import re
from typing import Any, Callable, Dict, List, Optional, Tuple

from windlass.agent.core import atomic
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
    keys = [key.strip() for key in arguments["keys"]]
    return _edit(arguments["user"], lambda _lines: keys, context)


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


def _edit(user: str, edit: Callable[[List[str]], List[str]], context: Context) -> Outcome:
    changes = Changes()
    try:
        account = pwd.getpwnam(user)
    except KeyError:
        if not (context.check and context.expected("user", user)):
            raise OperationError("there is no user %s on this host" % user, hint="add a User before this operation") from None
        return Outcome(bool(edit([])), "keys", "\n".join("+" + line for line in edit([])))
    folder = os.path.join(account.pw_dir, ".ssh")
    path = os.path.join(folder, "authorized_keys")
    _refuse_links(folder, path)
    before = atomic.read_or_none(path)
    lines = [line.rstrip("\r") for line in lines_of((before or b"").decode("utf-8", "surrogateescape"))[0]]
    wanted = edit(lines)
    if before is None and not wanted:
        return changes.outcome(context.check)
    _want_file(
        changes,
        account,
        folder,
        (before, wanted != lines, "".join(line + "\n" for line in wanted).encode("utf-8", "surrogateescape")),
    )
    return changes.outcome(context.check)


def _want_file(changes: Changes, account: pwd.struct_passwd, folder: str, texts: Tuple[Optional[bytes], bool, bytes]) -> None:
    """`texts`: what is there, whether it differs in a way that counts, what should be there."""
    path = os.path.join(folder, "authorized_keys")
    owner, group = str(account.pw_uid), str(account.pw_gid)
    before, differs, after = texts
    if not os.path.isdir(folder):
        changes.add("make %s" % folder, lambda: _make_folder(account, folder))
    else:
        metadata(changes, folder, owner, group, "0700")
    if before is None or differs:
        diff = atomic.text_diff(before, after, path)
        changes.add("keys", lambda: atomic.write(path, [after], 0o600, owner, group), diff)
    else:
        metadata(changes, path, owner, group, "0600")


def _refuse_links(folder: str, path: str) -> None:
    """Root writes here, in a place that belongs to the user: a link could lead anywhere."""
    for each in (folder, path):
        if os.path.islink(each):
            raise OperationError("%s is a symbolic link" % each, hint="make it a real one; keys are not written through links")


def _make_folder(account: pwd.struct_passwd, folder: str) -> None:
    if not os.path.isdir(account.pw_dir):
        raise OperationError("%s has no home directory %s" % (account.pw_name, account.pw_dir), hint="make it with create_home")
    os.mkdir(folder, 0o700)
    os.chown(folder, account.pw_uid, account.pw_gid)
