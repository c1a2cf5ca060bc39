"""A look at an application's repository, for a first inventory."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import urlsplit

from windlass.errors import UsageError
from windlass.flows.catalogue import shipped
from windlass.plans.first_guess import HEALTH, KINDS, TELLING, Seen

CODE: Final = (*(f"*.{kind}" for kind in ("js", "mjs", "cjs", "ts", "jsx", "tsx", "py")), ":(exclude)*test*", ":(exclude)*spec*")


def own_repository(project: Path) -> str:
    """The repository that the project itself is. Raises UsageError where it is none, or Windlass's own."""
    if project == shipped("tasks.py").parent:
        raise UsageError(
            "which application? say --git ADDRESS", hint="this folder is Windlass itself; a path on this machine does, too"
        )
    if not git_says(project, "rev-parse", "--git-dir"):
        raise UsageError("which application? say --git ADDRESS", hint="or run this in the application's repository")
    return git_says(project, "remote", "get-url", "origin") or "."


def look(project: Path, git: str, folder: str, kind: str) -> tuple[Seen, str, tuple[str, ...]]:
    """What the repository holds, its branch, and a note where it could not be looked at."""
    local = (project / git).resolve()
    if local.is_dir():
        return *_contents(local, git, folder), ()
    with tempfile.TemporaryDirectory(prefix="windlass-init-") as place:
        done = _run_git("clone", "--quiet", "--depth", "1", "--no-checkout", "--", git, place)
        if done.returncode == 0:
            return *_contents(Path(place), git, folder), ()
    if kind:
        return Seen(texts={}), "main", (f"{git} could not be read from here: what is written of the application is a guess",)
    raise UsageError(
        f"{git} cannot be read",
        last_lines=done.stderr.splitlines()[-5:],
        hint=f"correct --git, or say --kind {'|'.join(KINDS)} to go on without a look at it",
    )


def _contents(repository: Path, git: str, folder: str) -> tuple[Seen, str]:
    inside = folder.strip("/")
    paths = git_says(repository, "-c", "core.quotePath=false", "ls-tree", "-r", "--name-only", f"HEAD:{inside}").split("\n")
    if paths == [""]:
        what = (
            f"has no folder {inside}"
            if inside and git_says(repository, "rev-parse", "HEAD")
            else "has no commits yet, or is no repository"
        )
        raise UsageError(f"{git} {what}", hint="correct --folder" if inside else "git init, git add and git commit make one")
    prefix = f"{inside}/" if inside else ""
    texts = {name: git_says(repository, "show", f"HEAD:{prefix}{name}") for name in TELLING if name in paths}
    seen = Seen(paths=tuple(paths), texts=texts, health=_health(repository, inside))
    return seen, git_says(repository, "symbolic-ref", "--short", "HEAD") or "main"


def _health(repository: Path, inside: str) -> tuple[str, ...]:
    """Which of the usual paths its code names, tests aside."""
    named = git_says(repository, "grep", "-hoIE", f"[\"'`]({'|'.join(HEALTH)})[\"'`]", f"HEAD:{inside}", "--", *CODE)
    return tuple({line[1:-1] for line in named.splitlines()})


def git_says(folder: Path, *words: str) -> str:
    """What git prints; empty where it fails."""
    done = _run_git("-C", str(folder), *words)
    return done.stdout.strip() if done.returncode == 0 else ""


def _run_git(*words: str) -> subprocess.CompletedProcess[str]:
    """It asks nobody for a password."""
    quiet = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
    try:
        return subprocess.run(
            ["git", *words], capture_output=True, text=True, errors="replace", check=False, env=quiet, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError:
        raise UsageError("git is not installed here", hint="apt-get install git") from None


def called(project: Path, git: str) -> str:
    """The last part of the repository's address, or the name of its folder."""
    local = (project / git).resolve()
    return (
        local.name if local.is_dir() else PurePosixPath(urlsplit(git).path.rpartition(":")[2].rstrip("/")).name.removesuffix(".git")
    )
