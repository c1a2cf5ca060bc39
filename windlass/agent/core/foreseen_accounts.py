"""What a check foresees of users and groups: each as the operations before would leave it. A run loads none of this."""

from __future__ import annotations

import grp
import os
import pwd
from typing import Any, Dict, List, Optional, Set

from windlass.agent.core.accounts import Account, Band, joined, shadow
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import Changes

FIELDS = 9  # of a line in /etc/shadow
NO_PASSWORD = "!"  # noqa: S105 - of an account that nobody logs in to with one


class People:
    """All of them, by name; None for those that go."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.known: Dict[str, Dict[str, Any]] = {"user": {}, "group": {}}
        self.emptied: Set[str] = set()  # groups that went with all who were in them, though others of these names may come
        self.renumbered: Set[str] = set()  # whose files are somebody else's then, but for those in a home

    def user(self, before: Optional[Account], arguments: Dict[str, Any]) -> None:
        """One that is made or changed: what the arguments do not say stays."""
        name, group = arguments["name"], arguments["group"]
        has = before or self._newcomer(name, arguments)
        self._number(before, name, arguments["uid"])
        self.known["user"][name] = Account(
            name,
            has.number if arguments["uid"] is None else arguments["uid"],
            group or has.group,
            arguments["home"] or has.home,
            arguments["shell"] or has.shell,
            has.comment if arguments["comment"] is None else arguments["comment"],
            _joined(has, arguments, self._context),
            _shadow(has, before is None, arguments),
        )
        home = arguments["home"] or (has.home if before is None else "")
        if home and arguments["create_home"] and not self._context.is_folder(home):
            self._context.foresights.home(name, group, home)

    def is_in_the_way(self, before: Optional[Account], arguments: Dict[str, Any]) -> bool:
        """Whether processes of a user keep usermod from changing a number or a home."""
        if before is None:
            return False
        moves = arguments["uid"] not in (None, before.number) or arguments["home"] not in ("", before.home)
        return moves and _has_processes(before.number)

    def _newcomer(self, name: str, arguments: Dict[str, Any]) -> Account:
        """As useradd makes them. Which number and which shell that is, its own settings say."""
        if not arguments["group"] and not self.known["group"].get(name):
            self._context.expect("group", name)
            try:
                self.known["group"][name] = Band(grp.getgrnam(name).gr_gid)
            except KeyError:
                self.known["group"][name] = Band(None)
        line = [name, NO_PASSWORD, *[""] * (FIELDS - 2)]
        return Account(name, None, name, "/home/%s" % name, None, "", (), line)

    def user_gone(self, changes: Changes, account: Account, with_home: bool) -> None:
        """userdel takes the group of the same name along if nobody else is in it, and refuses while a process is the user's."""
        name = account.name
        self._lose("user", name)
        if account.group in (name, _number_of(name)) and not self._others_in(name):
            self._lose("group", name)
        if with_home:
            self._context.foresights.gone(account.home)
        changes.unknown = changes.unknown or _has_processes(account.number)

    def _others_in(self, name: str) -> Set[str]:
        users, number = self.known["user"], _number_of(name)
        others = {each.pw_name for each in pwd.getpwall() if each.pw_gid == number and each.pw_name not in users}
        try:
            others |= set(grp.getgrnam(name).gr_mem)
        except KeyError:
            pass
        others |= {
            each for each, account in users.items() if account and (account.group == name or name in joined(account, self._context))
        }
        return others - {name}

    def group(self, before: Optional[Band], arguments: Dict[str, Any]) -> None:
        name = arguments["name"]
        if arguments["absent"]:
            self._lose("group", name)
        else:
            has = before.number if before else None
            self._number(before, name, arguments["gid"])
            self.known["group"][name] = Band(has if arguments["gid"] is None else arguments["gid"])

    def _number(self, before: Any, name: str, number: Optional[int]) -> None:
        if before and before.number is not None and number not in (None, before.number):
            self.renumbered.add(name)

    def _lose(self, kind: str, name: str) -> None:
        self.known[kind][name] = None
        if kind == "group":
            self._empty(name)
        self._context.expect_nobody(kind, name)

    def _empty(self, group: str) -> None:
        self.emptied.add(group)
        for name, account in self.known["user"].items():
            if account and account.joined is not None:
                self.known["user"][name] = account._replace(joined=[each for each in account.joined if each != group])


def _joined(has: Account, arguments: Dict[str, Any], context: Context) -> Optional[List[str]]:
    wanted = arguments["groups"]
    if wanted is None:
        return None if has.joined is None else list(has.joined)
    return sorted(set(wanted) if arguments["only_groups"] else set(wanted) | joined(has, context))


def _shadow(has: Account, is_new: bool, arguments: Dict[str, Any]) -> Optional[List[str]]:
    """The line of /etc/shadow; None where nobody speaks of it."""
    given = arguments["password_hash"] is not None and (is_new or not arguments["password_once"])
    if not given and arguments["locked"] is None and not arguments["expires"]:
        return has.shadow
    fields = (shadow(has) + [""] * FIELDS)[:FIELDS]
    if given:
        secret = arguments["password_hash"]
        fields[1] = str(secret["secret"]) if isinstance(secret, dict) else str(secret)
    if arguments["locked"] and not fields[1].startswith("!"):
        fields[1] = "!" + fields[1]
    elif arguments["locked"] is False and fields[1].strip("!*"):
        fields[1] = fields[1].lstrip("!")
    if arguments["expires"]:
        fields[7] = arguments["expires_days"]
    return fields


def _number_of(group: str) -> Optional[int]:
    try:
        return int(grp.getgrnam(group).gr_gid)
    except KeyError:
        return None


def _has_processes(number: Optional[int]) -> bool:
    for each in os.listdir("/proc") if number is not None else ():
        try:
            if each.isdigit() and os.stat("/proc/" + each).st_uid == number:
                return True
        except OSError:
            continue
    return False
