"""A first inventory for one server and one application, from what can be known without asking."""

from __future__ import annotations

import getpass
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.parse import urlsplit

import yaml
from jinja2 import Environment, StrictUndefined

from windlass import own_file
from windlass.errors import RefusedError, UsageError
from windlass.flows.catalogue import Catalogue, shipped
from windlass.plans.first_guess import COMPOSE, KINDS, TELLING, Guess, Kind, Seen, guess, kind_of

SERVICES: Final = ("postgresql", "redis")
FILES: Final = ("hosts.yml", "applications.yml")
HOST: Final = "server1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a person said; empty where nothing was.

    host    user@address:port
    needs   of SERVICES, joined by commas
    """

    environment: str
    host: str
    app: str = ""
    git: str = ""
    folder: str = ""
    kind: str = ""
    domain: str = ""
    needs: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What was written, and what a person should know of it."""

    files: tuple[str, ...]
    app: str
    guess: Guess
    needs: tuple[str, ...]
    notes: tuple[str, ...]


def first_inventory(project: Path, wanted: Wanted) -> Written:
    """Write inventories/<environment>. Raises UsageError for what cannot be known, RefusedError where one is there already."""
    folder = project / "inventories" / wanted.environment
    _refuse_existing(folder, wanted.environment)
    user, address, port = _reached(wanted.host)
    git = wanted.git or _own_repository(project)
    seen, ref, note = _look(project, git, wanted.folder, wanted.kind)
    found = guess(_kind(wanted.kind, seen, git), seen)
    needs = _services(wanted.needs) or found.needs
    app = _name(wanted.app or PurePosixPath(wanted.folder).name or _called(project, git), told=bool(wanted.app))
    values = {
        "env": wanted.environment,
        "name": HOST,
        "user": user,
        "address": address,
        "port": port,
        "app": app,
        "database": app.replace("-", "_"),
        "git": git,
        "ref": ref,
        "folder": wanted.folder,
        "domain": wanted.domain,
        "guess": found,
        "needs": needs,
    }
    files = _write(project, folder, values | _of_roles(found, needs, wanted.domain))
    return Written(files=files, app=app, guess=found, needs=needs, notes=(*note, *found.doubts))


def _refuse_existing(folder: Path, name: str) -> None:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name):
        raise UsageError(
            f"{name!r} cannot be an environment", hint="lower-case letters, digits, `-` and `_`, such as --env production"
        )
    if folder.exists() and any(folder.iterdir()):
        raise RefusedError(
            f"inventories/{name} is there already: nothing was written",
            hint="another name, such as --env mine; or edit what is there",
        )


def _reached(host: str) -> tuple[str, str, int]:
    """`deploy@203.0.113.10:2222` in its parts. An IPv6 address with a port has brackets."""
    if not host:
        raise UsageError("which server? say --host USER@ADDRESS", hint="such as --host deploy@203.0.113.10")
    user, at, rest = host.rpartition("@")
    found = re.fullmatch(r"\[([0-9a-fA-F:]+)\](?::(\d+))?|([A-Za-z0-9][A-Za-z0-9.-]*)(?::(\d+))?|([0-9a-fA-F:]+)", rest)
    if not found or (at and not user):
        raise UsageError(
            f"--host {host!r} is no server", hint="such as --host deploy@203.0.113.10, or deploy@shop.example.org:2222"
        )
    address = found[1] or found[3] or found[5]
    return user or getpass.getuser(), address, int(found[2] or found[4] or 22)


def _own_repository(project: Path) -> str:
    """The repository that the project itself is. Raises UsageError where it is none, or Windlass's own."""
    if project == shipped("tasks.py").parent:
        raise UsageError(
            "which application? say --git ADDRESS", hint="this folder is Windlass itself; a path on this machine does, too"
        )
    if not _git(project, "rev-parse", "--git-dir"):
        raise UsageError("which application? say --git ADDRESS", hint="or run this in the application's repository")
    return _git(project, "remote", "get-url", "origin") or "."


def _look(project: Path, git: str, folder: str, kind: str) -> tuple[Seen, str, tuple[str, ...]]:
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
    paths = _git(repository, "-c", "core.quotePath=false", "ls-tree", "-r", "--name-only", f"HEAD:{inside}").split("\n")
    if paths == [""]:
        what = (
            f"has no folder {inside}"
            if inside and _git(repository, "rev-parse", "HEAD")
            else "has no commits yet, or is no repository"
        )
        raise UsageError(f"{git} {what}", hint="correct --folder" if inside else "git init, git add and git commit make one")
    prefix = f"{inside}/" if inside else ""
    texts = {name: _git(repository, "show", f"HEAD:{prefix}{name}") for name in TELLING if name in paths}
    return Seen(paths=tuple(paths), texts=texts), _git(repository, "symbolic-ref", "--short", "HEAD") or "main"


def _git(folder: Path, *words: str) -> str:
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


def _kind(said: str, seen: Seen, git: str) -> Kind:
    if said and said not in KINDS:
        raise UsageError(f"--kind {said!r} is not known", hint=f"one of {', '.join(KINDS)}{_of_compose(said == 'compose')}")
    found = next((kind for kind in KINDS if kind == said), None) or kind_of(seen)
    if found is None:
        stack = any(name in seen.paths for name in COMPOSE)
        raise UsageError(
            f"nothing in {git} says what it is: no package.json, requirements.txt, pyproject.toml or index.html",
            hint=f"say --kind {'|'.join(KINDS)}, or --folder where the application is{_of_compose(stack)}",
        )
    return found


def _of_compose(concerned: bool) -> str:  # noqa: FBT001 - the only argument
    return "; a Compose stack is set up by a role: docs/compose.md" if concerned else ""


def _services(said: str) -> tuple[str, ...]:
    names = tuple(word.strip() for word in said.split(",") if word.strip())
    for name in names:
        if name not in SERVICES:
            raise UsageError(f"--needs {name!r} is not known", hint=f"one of {', '.join(SERVICES)}, or both with a comma")
    return names


def _called(project: Path, git: str) -> str:
    """The last part of the repository's address, or the name of its folder."""
    local = (project / git).resolve()
    return (
        local.name if local.is_dir() else PurePosixPath(urlsplit(git).path.rpartition(":")[2].rstrip("/")).name.removesuffix(".git")
    )


def _name(word: str, *, told: bool) -> str:
    """An application's name: it names a user, too. Raises UsageError for one that was given and cannot be."""
    fits = re.sub(r"[^a-z0-9]+", "-", word.lower()).strip("-0123456789")[:31].strip("-")
    if not fits or (told and word != fits):
        like = f", such as --app {fits}" if fits else ""
        raise UsageError(f"{word!r} cannot name an application", hint=f"at most 31 of a-z, 0-9 and `-`, a letter first{like}")
    return fits


def _of_roles(found: Guess, needs: tuple[str, ...], domain: str) -> dict[str, Any]:
    """The roles that the host gets, and what they want to know."""
    node = found.kind == "node" or (found.kind == "static" and found.install != "")
    runtime = ["nodejs"] if node else ["python"] if found.kind == "python" else []
    web = ["nginx", *(["certificates"] if domain else [])]
    return {
        "roles": ["base", "firewall", *web, *runtime, *needs, "app"],
        "node": node,
        "registry": _registry() if node else "",
        "worker": "node worker.js" if found.kind == "node" else "celery --app tasks worker",
        "today": f"{datetime.now(UTC):%Y-%m-%d}",
    }


def _registry() -> str:
    """The npm registry of this machine, where there is an npm that knows."""
    said = next((value for name, value in os.environ.items() if name.lower() == "npm_config_registry"), "")
    npm = shutil.which("npm")
    if not said and npm:
        command, quiet = [npm, "config", "get", "registry"], {**os.environ, "npm_config_logs_max": "0"}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=quiet, stdin=subprocess.DEVNULL)
        said = done.stdout.strip() if done.returncode == 0 else ""
    return said.rstrip("/") if re.fullmatch(r"https?://[^\s'\"@]+", said) else ""


def _write(project: Path, folder: Path, values: Mapping[str, Any]) -> tuple[str, ...]:
    """All files or, where one cannot be filled, none."""
    surroundings = Environment(  # noqa: S701 - YAML, not HTML
        variable_start_string="[[",
        variable_end_string="]]",
        block_start_string="[%",
        block_end_string="%]",
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    surroundings.filters["yaml"] = _yaml
    catalogue = Catalogue(project)
    texts = {name: surroundings.from_string(catalogue.template(f"init/{name}.j2")).render(values) for name in FILES}
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        with (folder / name).open("x", encoding="utf-8") as file:
            file.write(text)
    _keep_out_of_git(project)
    return tuple(f"inventories/{folder.name}/{name}" for name in texts)


def _yaml(value: object) -> str:
    """A value as YAML writes it on one line."""
    if isinstance(value, list):
        return f"[{', '.join(_yaml(each) for each in value)}]"
    plain = isinstance(value, str) and re.fullmatch(r"[A-Za-z/][A-Za-z0-9 ._/@+-]*[A-Za-z0-9._/-]|[A-Za-z]", value)
    return str(value) if plain and isinstance(yaml.safe_load(str(value)), str) else json.dumps(value, ensure_ascii=False)


def _keep_out_of_git(project: Path) -> None:
    """What is kept in .windlass (secrets, backups, runs) is no part of a repository."""
    if _git(project, "rev-parse", "--git-dir") and not _git(project, "check-ignore", ".windlass/secrets"):
        place = project / ".windlass"
        place.mkdir(exist_ok=True)
        own_file.keep_out_of_git(place)
