"""How accounts come to be, change, and go."""

from __future__ import annotations

import grp
import os
import pwd
from typing import Any, Dict, List, Optional

from windlass.agent.core.accounts import change_accounts
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import Changes, OperationError, Outcome
from windlass.agent.file import text_of


def user(arguments: Dict[str, Any], context: Context) -> Outcome:
    """An account, or none."""
    changes = Changes()
    try:
        has = pwd.getpwnam(arguments["name"])
    except KeyError:
        has = None
    if arguments["absent"]:
        if has:
            _remove(changes, has, arguments["remove_home"], context)
    else:
        if arguments["shell"] and (not has or has.pw_shell != arguments["shell"]):
            _need_shell(changes, arguments["shell"], context)
        _change(changes, has, arguments, context) if has else _make(changes, arguments, context)
    return changes.outcome(context.check)


def _need_shell(changes: Changes, shell: str, context: Context) -> None:
    """sshd lets nobody in whose shell is not there. In a check an earlier operation may be what brings it."""
    if os.access(shell, os.X_OK) or (context.check and context.expects_path(shell)):
        return
    if not (context.check and context.expects_surprises()):
        raise OperationError(
            "there is no shell %s on this host" % shell, hint="sshd would let nobody in with it: add its Package before"
        )
    changes.unknown = True


def _remove(changes: Changes, has: pwd.struct_passwd, remove_home: bool, context: Context) -> None:
    home = ["--remove"] if remove_home and os.path.isdir(has.pw_dir) else []
    command = ["userdel"] + home + [has.pw_name]
    changes.add("remove", lambda: change_accounts(command, context), "-user %s" % has.pw_name)


def _make(changes: Changes, arguments: Dict[str, Any], context: Context) -> None:
    name = arguments["name"]
    changes.add("make", lambda: change_accounts(_useradd(arguments), context), "+user %s" % name)
    if arguments["password_hash"] is not None:
        changes.add("password", lambda: _set_password(arguments, context))
    _want_access(changes, arguments, [name, "!"], arguments["password_hash"] is not None, context)
    context.expect("user", name)
    if arguments["create_home"]:
        context.expect("tree", arguments["home"] or "/home/%s" % name)
    if not arguments["group"]:
        context.expect("group", name)
    if context.foresights and arguments["create_home"]:
        context.foresights.home(name, arguments["group"], arguments["home"] or "/home/%s" % name)


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


def _change(changes: Changes, has: pwd.struct_passwd, arguments: Dict[str, Any], context: Context) -> None:
    def differs(what: str, before: object, option: str, after: Optional[object]) -> None:
        if after is None or str(before) == str(after):
            return
        text = "%s %s becomes %s" % (what, before or "none", after or "none")
        command = ["usermod", option, str(after), has.pw_name]
        changes.add(text, lambda: change_accounts(command, context), "user %s: %s" % (has.pw_name, text))

    differs("number", has.pw_uid, "--uid", arguments["uid"])
    differs("group", _group_name(has.pw_gid, arguments["group"]), "--gid", arguments["group"] or None)
    differs("home", has.pw_dir, "--home", arguments["home"] or None)
    differs("shell", has.pw_shell, "--shell", arguments["shell"] or None)
    differs("comment", has.pw_gecos, "--comment", arguments["comment"])
    _change_groups(changes, has.pw_name, arguments, context)
    given = arguments["password_hash"] is not None and not arguments["password_once"]
    password = given and not _has_password(has.pw_name, arguments)
    if password:
        changes.add("password", lambda: _set_password(arguments, context), "user %s: the password changes" % has.pw_name)
    if arguments["locked"] is not None or arguments["expires"]:
        _want_access(changes, arguments, _shadow(has.pw_name), password, context)
    if arguments["home"] and arguments["create_home"] and not os.path.isdir(arguments["home"]):
        changes.add("make home", lambda: _make_home(has.pw_name, arguments["home"]), "+%s/" % arguments["home"])


def _group_name(number: int, wanted: str) -> str:
    """The group as it was asked for: by number if that is how."""
    try:
        return str(number) if wanted.isdigit() else grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _change_groups(changes: Changes, name: str, arguments: Dict[str, Any], context: Context) -> None:
    if arguments["groups"] is None:
        return
    has = {entry.gr_name for entry in grp.getgrall() if name in entry.gr_mem}
    wanted = set(arguments["groups"])
    extra = has - wanted if arguments["only_groups"] else set()
    missing = wanted - has - {_group_name(pwd.getpwnam(name).pw_gid, "")}
    if not missing and not extra:
        return
    text = ", ".join(["in " + group for group in sorted(missing)] + ["no longer in " + group for group in sorted(extra)])
    append = [] if arguments["only_groups"] else ["--append"]
    command = ["usermod"] + append + ["--groups", ",".join(sorted(wanted)), name]
    changes.add(text, lambda: change_accounts(command, context), "user %s: %s" % (name, text))


def _has_password(name: str, arguments: Dict[str, Any]) -> bool:
    """Whether it is the one that is wanted. The mark of a locked one stands in front of it."""
    has = (_shadow(name) + [""])[1]
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
    if arguments["expires"] and days != (fields + [""] * 8)[7]:
        text = "expires %s" % arguments["expires"]
        changes.add(text, lambda: change_accounts(["usermod", "--expiredate", wanted, name], context), "user %s: %s" % (name, text))


def _shadow(name: str) -> List[str]:
    try:
        with open("/etc/shadow", encoding="utf-8") as handle:
            for line in handle:
                fields = line.split(":")
                if fields[0] == name:
                    return fields
    except OSError as error:
        raise OperationError("cannot read /etc/shadow: %s" % error.strerror, hint="this needs root") from error
    return [name, ""]


def _set_password(arguments: Dict[str, Any], context: Context) -> None:
    """Through standard input, because everybody can read arguments."""
    line = "%s:%s\n" % (arguments["name"], text_of(arguments["password_hash"]))
    change_accounts(["chpasswd", "--encrypted"], context, give=line)


def _make_home(name: str, home: str) -> None:
    account = pwd.getpwnam(name)
    import shutil  # noqa: PLC0415 - for a user who is new

    shutil.copytree("/etc/skel", home, symlinks=True)
    for folder, folders, files in os.walk(home):
        for entry in [folder] + [os.path.join(folder, each) for each in folders + files]:
            os.chown(entry, account.pw_uid, account.pw_gid, follow_symlinks=False)
    os.chmod(home, 0o700)
