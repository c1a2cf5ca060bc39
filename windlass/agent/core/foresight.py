"""What a check knows of operations that speak of the same thing: it makes nothing, so the second one would look like the first."""

from __future__ import annotations

import json
import os
from typing import Any, Callable, Dict, Set

from windlass.agent.core.context import Context
from windlass.agent.core.foreseen import Foresights
from windlass.agent.core.outcome import Outcome

REPEATED = ("command.run",)  # what is done anew each time it is asked for
# What looks at its path, user, group, package or unit through what is foreseen of it.
EXACT = (
    "user.user", "group.group", "authorized_key.authorized_key", "authorized_key.authorized_keys", "cron.cron", "sudoers.sudoers",
    "logrotate.logrotate", "tmpfiles.tmpfiles",
    "file.file", "template.template", "directory.directory", "link.link", "line.line", "block.block", "ini.ini_value",
    "document.json_value", "document.yaml_value", "tree.tree", "download.download",
    "package.package", "package.package_file", "apt.apt_hold", "npm.npm_package", "locale.locale",
    "service.service", "unit.systemd_unit", "unit.systemd_timer",
)  # fmt: skip
NEVER_CHANGING = ("wait.wait_for",)  # whatever its path is
WHOLE = ("archive.archive", "git.git_checkout", "tree.tree")  # what says much of all that is in its path
# What is spoken of by these fields, and looked at as it is now: of a second operation on the same, only a run can tell.
SUBJECTS = {
    "postgres_role.postgres_role": ("name", "port"), "postgresql.postgres_database": ("name", "port"),
    "postgresql.postgres_schema": ("name", "database", "port"), "postgresql.postgres_setting": ("name", "port"),
    "sysctl.sysctl": ("name",), "kernel_module.kernel_module": ("name",), "hostname.hostname": (), "time_zone.time_zone": (),
    "apt.apt_upgrade": (), "pip.pip_package": ("environment",), "apt.apt_repository": ("path",),
    "mount.mount": ("path",), "mount.swap_file": ("path",), "commit.guarded": ("path",),
    "archive.archive": ("path",), "git.git_checkout": ("path",), "postgresql.postgres_extension": ("name", "database", "port"),
    "postgres_grant.postgres_grant": ("role", "objects", "database", "schema", "names", "future_of", "port"),
}  # fmt: skip
# What these write besides their own path.
ALSO = {
    "hostname.hostname": ("/etc/hostname", "/etc/hosts"), "time_zone.time_zone": ("/etc/localtime", "/etc/timezone"),
    "mount.mount": ("/etc/fstab",), "mount.swap_file": ("/etc/fstab",),
}  # fmt: skip
FROM_NOTHING = ("archive.archive", "git.git_checkout")  # whether there is an empty folder or none is the same to them


class Foresight:
    """One check's memory: which operations would have changed something."""

    def __init__(self, context: Context) -> None:
        context.foresights = Foresights(context)
        self._changing: Dict[str, str] = {}  # and what they speak of
        self._unsure: Set[str] = set()  # what several speak of

    def foresee(self, operation: Dict[str, Any], context: Context, look: Callable[[], Outcome]) -> Outcome:
        """What a run will find: nothing to do where the same was asked for before; unknown where another thing was."""
        if operation["kind"] in EXACT:
            return self._settled(operation, context, look())
        key = json.dumps([operation["kind"], operation["arguments"]], sort_keys=True)
        if key in self._changing and not operation["notified_by"]:
            return Outcome(False)
        if not self._is_first(operation):
            self._changing = {each: subject for each, subject in self._changing.items() if subject != _subject(operation)}
            self._unsure.add(_subject(operation))
            for path in (_path(operation), *ALSO.get(operation["kind"], ())):
                if path != "/":
                    context.foresights.whole(context.real(path))
            return Outcome(True, "hangs on what comes before", unknown=True)
        path = _path(operation)
        touched = path != "/" and (
            context.expected("path", path) or context.expected("tree", path) or context.foresights.below(path)
        )
        certain = operation["kind"] in FROM_NOTHING and _is_empty(path, context)
        outcome = self._settled(operation, context, _looked(path, context, look))
        if not outcome.changed and operation["kind"] not in NEVER_CHANGING and _is_made_before(path, context):
            outcome = Outcome(True, "hangs on what comes before", unknown=True)
        if outcome.changed and operation["kind"] not in REPEATED:
            self._changing[key] = _subject(operation)
        outcome.unknown = outcome.unknown or (outcome.changed and touched and not certain)
        return outcome

    def _is_first(self, operation: Dict[str, Any]) -> bool:
        """Whether no other operation changes what this one speaks of."""
        subject = _subject(operation)
        return operation["kind"] not in SUBJECTS or not (subject in self._unsure or subject in self._changing.values())

    def _settled(self, operation: Dict[str, Any], context: Context, outcome: Outcome) -> Outcome:
        """Nobody looked at the owners of what an earlier operation gives to somebody."""
        below = outcome.changed and context.expected_above("owner below", _path(operation))
        outcome.unknown = outcome.unknown or below
        if _is_of_renumbered(operation, context) and not outcome.unknown:
            outcome = Outcome(
                True, outcome.summary or "the number of its owner changes before", outcome.diff, outcome.data, unknown=True
            )
        if outcome.unknown and operation["kind"] in WHOLE:
            context.foresights.whole(context.real(_path(operation)))
        return outcome


def _is_of_renumbered(operation: Dict[str, Any], context: Context) -> bool:
    """Whether what is there is to be of somebody whose number an earlier operation changes."""
    owners = {str(operation["arguments"].get(field) or "") for field in ("owner", "group")}
    path = _path(operation)
    return path != "/" and bool(owners & context.foresights.people.renumbered) and os.path.lexists(path)


def _subject(operation: Dict[str, Any]) -> str:
    fields = SUBJECTS.get(operation["kind"], ())
    return " ".join([operation["kind"], *(str(operation["arguments"].get(field)) for field in fields)])


def _path(operation: Dict[str, Any]) -> str:
    return os.path.normpath(str(operation["arguments"].get("path") or "/"))


def _is_made_before(path: str, context: Context) -> bool:
    """Whether another kind of operation makes it, or makes it anew: what is there now says nothing."""
    foreseen = context.foreseen(path)
    return path != "/" and bool(foreseen) and not foreseen.is_folder()


def _is_empty(path: str, context: Context) -> bool:
    foreseen = context.foreseen(path)
    return bool(foreseen) and foreseen.is_new_folder() and not context.foresights.below(path)


def _looked(path: str, context: Context, look: Callable[[], Outcome]) -> Outcome:
    """Where earlier operations take away what is there, or bring it, nobody sees what the run will."""
    foreseen, beyond = context.foreseen(path), context.real(path)
    unseen = foreseen and foreseen.is_gone() and os.path.lexists(path)
    if unseen or (beyond != path and context.foreseen(beyond)):
        return Outcome(True, "what is there is not there yet", unknown=True)
    return look()
