"""How working copies of Git repositories are made and moved."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import tempfile
from typing import Any, Dict

from windlass.agent.core import atomic, leftovers, modules, process, safe_paths
from windlass.agent.core.accounts import need_account
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import Changes, OperationError, Outcome
from windlass.agent.file import need_folder

REHEARSAL = "windlass.agent.core.rehearsal"  # comes for a check


def git_checkout(arguments: Dict[str, Any], context: Context) -> Outcome:
    """A working copy at a revision."""
    path = arguments["path"]
    changes = Changes()
    if not os.path.isdir(os.path.join(path, ".git")):
        if os.path.lexists(path) and (not os.path.isdir(path) or os.listdir(path)):
            raise OperationError("%s is there and is not a working copy of Git" % path, hint="move it away")
        need_folder(changes, path, context)
        _need_means(changes, arguments, context)
        if context.foresights:
            _foresee(changes, arguments, context)
        changes.add("clone", lambda: _clone(arguments), "+%s at %s" % (path, arguments["revision"]))
        context.need_writable(path)
        context.expect("tree", path)
        if context.foresights:
            context.foresights.whole(path)
        return changes.outcome(context.check)
    git = _Git(arguments, path)
    origin = git.ask("remote", "get-url", "origin")
    if origin != arguments["repository"]:
        text = "origin %s becomes %s" % (shown(origin), shown(arguments["repository"]))
        changes.add("origin", lambda: git.ask("remote", "set-url", "origin", arguments["repository"]), text)
    _want_revision(changes, git, arguments, context)
    return changes.outcome(context.check)


def _need_means(changes: Changes, arguments: Dict[str, Any], context: Context) -> None:
    """What a first clone takes; in a check earlier operations may bring it."""
    if arguments["user"] and not need_account("user", arguments["user"], context):
        changes.unknown = True
    if not shutil.which("git", path=process.PATH):
        if not (context.check and context.expects_surprises()):
            raise OperationError("there is no git on this host", hint='add Package(names=("git",)) before this operation')
        changes.unknown = True


def _foresee(changes: Changes, arguments: Dict[str, Any], context: Context) -> None:
    """In a check, ask for the revision as the run will, unless what that takes is still to come. Raises OperationError."""
    user = arguments["user"]
    if changes.unknown or (user and context.expected("user", user)):
        changes.unknown = True
        return
    git = _Git(arguments, "/")

    def ask() -> None:
        changes.unknown = not git.offers(git.resolve())

    try:
        modules.get(REHEARSAL, context).rehearse(ask, changes, context)
    except OperationError:
        homes = [pwd.getpwnam(user).pw_dir if user else "/root", "/etc/ssh"]
        if not any(context.expects_below(each) for each in homes) and not context.expects_path(arguments["ssh_key"] or "/"):
            raise
        changes.unknown = True


def shown(address: str) -> str:
    """Without who logs in, and above all without their password."""
    return re.sub(r"//[^/@]*@", "//", address)


class _Git:
    """Git in one folder, as the operation's user, never asking a person anything."""

    def __init__(self, arguments: Dict[str, Any], folder: str) -> None:
        self._arguments = arguments
        self._folder = folder
        self.path = arguments["path"]

    def ask(self, *words: str) -> str:
        """Run it and return what it says. Raises OperationError if it fails."""
        completed = self._run(*words)
        if completed.status != 0:
            lines = [shown(line) for line in completed.last_lines()]
            raise OperationError("git %s ended with status %d" % (words[0], completed.status), last_lines=lines)
        return completed.text.strip()

    def _run(self, *words: str) -> process.Completed:
        ssh = "ssh -o BatchMode=yes"
        if self._arguments["ssh_key"]:
            ssh += " -o IdentitiesOnly=yes -i '%s'" % self._arguments["ssh_key"]
        return process.run(
            ["git", "-c", "safe.directory=" + self._folder, "-c", "advice.detachedHead=false"] + list(words),
            user=self._arguments["user"],
            extra={"GIT_TERMINAL_PROMPT": "0", "GIT_SSH_COMMAND": ssh, "GIT_OPTIONAL_LOCKS": "0"},  # looking writes no index
            folder=self._folder,
            limit=float(self._arguments["limit_seconds"]),
        )

    def resolve(self) -> str:
        """The commit that the revision means in the repository now. Raises OperationError if it means none."""
        revision, repository = self._arguments["revision"], self._arguments["repository"]
        if _is_commit(revision):
            return str(revision)
        listed = self.ask("ls-remote", "--", repository, revision, revision + "^{}")
        commits = {name: commit for commit, name in (line.split("\t") for line in process.lines(listed))}
        tag, branch = "refs/tags/" + revision, "refs/heads/" + revision
        for name in (tag + "^{}", tag, branch, revision):
            if name in commits:
                return commits[name]
        raise OperationError(
            "%s has no branch or tag %s" % (shown(repository), revision), hint="a commit must be given whole, 40 digits"
        )

    def offers(self, commit: str) -> bool:
        """Whether the repository surely has it: what no branch or tag stands at, only a fetch can tell."""
        return not _is_commit(self._arguments["revision"]) or commit in self.ask("ls-remote", "--", self._arguments["repository"])

    def has(self, commit: str) -> bool:
        """Whether it is here."""
        return self._run("cat-file", "-e", commit).status == 0

    def check_out(self, commit: str, force: bool) -> None:
        self.ask("checkout", "--quiet", "--detach", *(["--force"] if force else []), commit)


def _is_commit(revision: str) -> bool:
    return bool(re.match(r"^[0-9a-f]{40,64}$", revision))


def _want_revision(changes: Changes, git: _Git, arguments: Dict[str, Any], context: Context) -> None:
    changed = process.lines(git.ask("status", "--porcelain", "--untracked-files=no"))
    if changed and not arguments["force"]:
        raise OperationError(
            "%s has local changes" % git.path, hint="give force to throw them away, or commit them elsewhere", last_lines=changed
        )
    head, wanted = git.ask("rev-parse", "HEAD"), git.resolve()
    if changed:
        changes.add("local changes thrown away", lambda: git.ask("reset", "--quiet", "--hard"), "\n".join(changed))
    if head != wanted:
        changes.unknown = bool(context.check and not git.has(wanted) and not git.offers(wanted))
        text = "%s becomes %s" % (head[:12], wanted[:12])
        changes.add(text, lambda: _move(git, wanted, arguments["force"]), "%s: %s" % (git.path, text))
        changes.data = {"before": head}
    changes.data["commit"] = wanted


def _move(git: _Git, commit: str, force: bool) -> None:
    """All branches, also where somebody cloned one of them, or its last commits, only."""
    whole = ["--unshallow"] if os.path.exists(os.path.join(git.path, ".git", "shallow")) else []
    git.ask("fetch", "--quiet", "--tags", "--force", "--prune", *whole, "origin", "+refs/heads/*:refs/remotes/origin/*")
    git.check_out(commit, force)


def _clone(arguments: Dict[str, Any]) -> None:
    """Clone under a partial name, which root makes because the user may not, and rename it when it is complete."""
    path = arguments["path"]
    folder = os.path.dirname(path) or "/"
    prefix = "." + os.path.basename(path) + "."
    leftovers.clear(os.path.join(folder, prefix))
    partial = tempfile.mkdtemp(prefix=prefix, dir=folder)
    with leftovers.noted(partial):
        _cloned(arguments, partial)
    atomic.sync_folder(folder)


def _cloned(arguments: Dict[str, Any], partial: str) -> None:
    path, user = arguments["path"], arguments["user"]
    try:
        account = pwd.getpwnam(user) if user else None
        safe_paths.dress(partial, (account.pw_uid, account.pw_gid) if account else (-1, -1), 0o755)  # as Git itself would make it
        git = _Git(arguments, partial)
        commit = git.resolve()
        git.ask("clone", "--quiet", "--no-checkout", "--", arguments["repository"], ".")
        git.check_out(commit, force=False)
        if os.path.isdir(path):
            os.rmdir(path)
        os.rename(partial, path)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
