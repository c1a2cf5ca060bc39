"""How accounts come to be, change, and go."""

from __future__ import annotations

import grp
import os
import pwd
from typing import Any, Dict, List, Optional

from windlass.agent.core.accounts import Account, change_accounts, find, group_name, joined, need_account, need_number, shadow
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import Changes, OperationError, Outcome
from windlass.agent.file import text_of

LAST_DAY = 7  # which field of /etc/shadow that is


def user(arguments: Dict[str, Any], context: Context) -> Outcome:
    """An account, or none."""
    changes, has = Changes(), find(arguments["name"], context)
    if arguments["absent"]:
        if has:
            _remove(changes, has, arguments["remove_home"], context)
    else:
        _need(changes, has, arguments, context)
        _change(changes, has, arguments, context) if has else _make(changes, arguments, context)
        if changes and context.foresights:
            changes.unknown = context.foresights.people.is_in_the_way(has, arguments) or changes.unknown
            context.foresights.people.user(has, arguments)
    return changes.outcome(context.check)


def _need(changes: Changes, has: Optional[Account], arguments: Dict[str, Any], context: Context) -> None:
    """What useradd and usermod insist on, and what sshd does."""
    groups = [arguments["group"]] if arguments["group"] else []
    for each in groups + list(arguments["groups"] or ()):
        changes.unknown = not need_account("group", each, context) or changes.unknown
    if arguments["uid"] is not None and (not has or has.number != arguments["uid"]):
        need_number("user", arguments["uid"], arguments["name"], context)
    if arguments["shell"] and (not has or has.shell != arguments["shell"]):
        _need_shell(changes, arguments["shell"], context)


def _need_shell(changes: Changes, shell: str, context: Context) -> None:
    """sshd lets nobody in whose shell is not there. In a check an earlier operation may be what brings it."""
    if os.access(shell, os.X_OK) or (context.check and context.expects_path(shell)):
        return
    if not (context.check and context.expects_surprises()):
        raise OperationError(
            "there is no shell %s on this host" % shell, hint="sshd would let nobody in with it: add its Package before"
        )
    changes.unknown = True


def _remove(changes: Changes, has: Account, remove_home: bool, context: Context) -> None:
    home = ["--remove"] if remove_home and context.is_folder(has.home) else []
    command = ["userdel"] + home + [has.name]
    changes.add("remove", lambda: change_accounts(command, context), "-user %s" % has.name)
    if context.foresights:
        context.foresights.people.user_gone(changes, has, bool(home))


def _make(changes: Changes, arguments: Dict[str, Any], context: Context) -> None:
    name = arguments["name"]
    changes.add("make", lambda: change_accounts(_useradd(arguments), context), "+user %s" % name)
    if arguments["password_hash"] is not None:
        changes.add("password", lambda: _set_password(arguments, context))
    _want_access(changes, arguments, [name, "!"], arguments["password_hash"] is not None, context)
    context.expect("user", name)
    if arguments["create_home"]:
        context.expect("tree", arguments["home"] or "/home/%s" % name)


def _useradd(arguments: Dict[str, Any]) -> List[str]:
    command = ["useradd", "--create-home" if arguments["create_home"] else "--no-create-home"]
    group = arguments["group"] or (arguments["name"] if _group_exists(arguments["name"]) else "")
    command += ["--gid", group] if group else ["--user-group"]
    values = (
        ("--uid", arguments["uid"]),
        ("--groups", ",".join(arguments["groups"] or ()) or None),
        ("--home-dir", arguments["home"] or None),
        ("--shell", arguments["shell"] or None),
        ("--comment", arguments["comment"]),
    )
    for option, value in values:
        command += [] if value is None else [option, str(value)]
    return command + (["--system"] if arguments["system"] else []) + [arguments["name"]]


def _group_exists(name: str) -> bool:
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True


def _change(changes: Changes, has: Account, arguments: Dict[str, Any], context: Context) -> None:
    def differs(what: str, before: object, option: str, after: Optional[object]) -> None:
        if after is None or str(before) == str(after):
            return
        changes.unknown = changes.unknown or before is None
        text = "%s %s becomes %s" % (what, before or "none", after or "none")
        command = ["usermod", option, str(after), has.name]
        changes.add(text, lambda: change_accounts(command, context), "user %s: %s" % (has.name, text))

    differs("number", has.number, "--uid", arguments["uid"])
    differs("group", group_name(has.group, arguments["group"]), "--gid", arguments["group"] or None)
    differs("home", has.home, "--home", arguments["home"] or None)
    differs("shell", has.shell, "--shell", arguments["shell"] or None)
    differs("comment", has.comment, "--comment", arguments["comment"])
    _change_groups(changes, has, arguments, context)
    given = arguments["password_hash"] is not None and not arguments["password_once"]
    password = given and not _has_password(has, arguments)
    if password:
        changes.add("password", lambda: _set_password(arguments, context), "user %s: the password changes" % has.name)
    if arguments["locked"] is not None or arguments["expires"]:
        _want_access(changes, arguments, shadow(has), password, context)
    if arguments["home"] and arguments["create_home"] and not context.is_folder(arguments["home"]):
        changes.add("make home", lambda: _make_home(has.name, arguments["home"]), "+%s/" % arguments["home"])
        context.expect("tree", arguments["home"])


def _change_groups(changes: Changes, account: Account, arguments: Dict[str, Any], context: Context) -> None:
    if arguments["groups"] is None:
        return
    name, has, wanted = account.name, joined(account, context), set(arguments["groups"])
    extra = has - wanted if arguments["only_groups"] else set()
    missing = wanted - has - {group_name(account.group)}
    if not missing and not extra:
        return
    text = ", ".join(["in " + group for group in sorted(missing)] + ["no longer in " + group for group in sorted(extra)])
    append = [] if arguments["only_groups"] else ["--append"]
    command = ["usermod"] + append + ["--groups", ",".join(sorted(wanted)), name]
    changes.add(text, lambda: change_accounts(command, context), "user %s: %s" % (name, text))


def _has_password(account: Account, arguments: Dict[str, Any]) -> bool:
    """Whether it is the one that is wanted. The mark of a locked one stands in front of it."""
    has = (shadow(account) + [""])[1]
    return (has.lstrip("!") if arguments["locked"] else has) == text_of(arguments["password_hash"])


def _want_access(changes: Changes, arguments: Dict[str, Any], fields: List[str], password_set: bool, context: Context) -> None:
    """Locked, unlocked, and until when. `fields` are those of /etc/shadow; a password that has just been set is not locked."""
    name, has = arguments["name"], (fields + [""])[1]
    locked = has.startswith("!") and not password_set
    if arguments["locked"] and not locked:
        changes.add("lock", lambda: change_accounts(["usermod", "--lock", name], context), "user %s: lock" % name)
    elif arguments["locked"] is False and locked and has.strip("!*"):  # without a password there is nothing to unlock
        changes.add("unlock", lambda: change_accounts(["usermod", "--unlock", name], context), "user %s: unlock" % name)
    wanted, days = arguments["expires"].replace("never", ""), arguments["expires_days"]
    if arguments["expires"] and days != (fields + [""] * 8)[LAST_DAY]:
        text = "expires %s" % arguments["expires"]
        changes.add(text, lambda: change_accounts(["usermod", "--expiredate", wanted, name], context), "user %s: %s" % (name, text))


def _set_password(arguments: Dict[str, Any], context: Context) -> None:
    """Through standard input, because everybody can read arguments."""
    line = "%s:%s\n" % (arguments["name"], text_of(arguments["password_hash"]))
    change_accounts(["chpasswd", "--encrypted"], context, give=line)


def _make_home(name: str, home: str) -> None:
    account = pwd.getpwnam(name)
    import shutil  # noqa: PLC0415 - for a user who is new

    shutil.copytree("/etc/skel", home, symlinks=True)
    for folder, folders, files in os.walk(home, topdown=False):  # as long as a folder is root's, nobody else changes what is in it
        for entry in folders + files:
            os.chown(os.path.join(folder, entry), account.pw_uid, account.pw_gid, follow_symlinks=False)
    os.chmod(home, 0o700)
    os.chown(home, account.pw_uid, account.pw_gid)
