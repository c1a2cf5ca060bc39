"""A first inventory for one application on its servers, from what can be known without asking."""

from __future__ import annotations

import getpass
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, Final

import yaml
from jinja2 import Environment, StrictUndefined

from windlass import own_file
from windlass.errors import RefusedError, UsageError
from windlass.flows.catalogue import Catalogue
from windlass.flows.first_look import called, git_says, look, own_repository
from windlass.plans.first_containers import contained_of
from windlass.plans.first_guess import KINDS, Guess, Kind, Seen, compose_file, guess, kind_of, with_health
from windlass.plans.first_servers import Servers, doubts, servers
from windlass.plans.first_stack import Stack, stack_of

SERVICES: Final = ("postgresql", "redis")
FILES: Final = ("hosts.yml", "applications.yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a person said; empty where nothing was.

    host    user@address:port, of those that run the application, joined by commas
    data    the same of the one that holds its database and Redis; empty: the first of them
    needs   of SERVICES, joined by commas
    program is how that person types our commands
    """

    environment: str
    host: str
    data: str = ""
    app: str = ""
    git: str = ""
    folder: str = ""
    kind: str = ""
    domain: str = ""
    needs: str = ""
    program: str = "invoke"


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
    found_servers = servers(wanted.host, wanted.data, getpass.getuser())
    if wanted.kind == "compose":
        return _first_stack(project, folder, wanted, found_servers)
    git = wanted.git or own_repository(project)
    seen, ref, note = look(project, git, wanted.folder, wanted.kind)
    kind = _kind(wanted.kind, seen, git)
    if kind == "compose":
        return _first_stack(project, folder, wanted, found_servers)
    found = _containers(seen, wanted) if kind == "containers" else guess(kind, seen)
    needs = _needs(wanted, found)
    app = _name(wanted.app or PurePosixPath(wanted.folder).name or called(project, git), told=bool(wanted.app))
    values = {
        "env": wanted.environment,
        "program": wanted.program,
        "servers": found_servers,
        "app": app,
        "database": app.replace("-", "_"),
        "git": git,
        "ref": ref,
        "folder": wanted.folder,
        "domain": wanted.domain,
        "guess": found,
        "needs": needs,
    }
    files = _write(project, folder, values | _of_roles(found, wanted.domain), {name: name for name in FILES})
    notes = (
        *note,
        *found.doubts,
        *(_or_stack(seen) if kind != "containers" else ()),
        *doubts(found_servers, needs=bool(needs), domain=bool(wanted.domain)),
    )
    return Written(files=files, app=app, guess=found, needs=needs, notes=notes)


def _first_stack(project: Path, folder: Path, wanted: Wanted, found: Servers) -> Written:
    """The same for a stack of Docker Compose, whose folder is in the project."""
    for option in ("data", "needs", "domain"):
        if getattr(wanted, option):
            raise UsageError(
                f"--{option} is nothing for a Compose stack, which brings its own", hint="docs/compose.md, on https and data"
            )
    place = (project / wanted.git / wanted.folder).resolve()
    if not place.is_relative_to(project.resolve()) or not place.is_dir():
        raise UsageError(
            f"{wanted.git or wanted.folder} is not in this project, from which the stack's folder goes to the host",
            hint="have it in stacks/NAME, and say --folder stacks/NAME; or run this in its own repository",
        )
    file = compose_file(tuple(each.name for each in place.iterdir()))
    if not file:
        raise UsageError(f"there is no compose.yml in {place}", hint="say --folder where it is")
    stack = _read_stack(place, file)
    app = _name(wanted.app or place.name, told=bool(wanted.app))
    values = {"env": wanted.environment, "program": wanted.program, "servers": found, "app": app, "file": file, "stack": stack}
    values |= {"folder": str(place.relative_to(project.resolve())), "today": _today()}
    files = _write(project, folder, values, {"hosts.yml": "stack.yml"})
    return Written(files=files, app=app, guess=Guess(kind="compose", because=(file,)), needs=(), notes=stack.doubts)


def _containers(seen: Seen, wanted: Wanted) -> Guess:
    """An application whose processes are services of its compose.yml, which the repository has if it could be looked at."""
    if wanted.needs or wanted.data:
        raise UsageError(
            "--needs and --data are nothing for containers, which do not reach the host's own services by themselves",
            hint="docs/compose.md says how they do: give the host the role, and open it to Docker's networks",
        )
    file = compose_file(seen.paths)
    if seen.paths and not file:
        raise UsageError("there is no compose.yml in the repository", hint="say --folder where it is")
    text = seen.texts.get(file, "")
    found = contained_of(file or "compose.yml", text, _yaml_of(file, text))
    return with_health(Guess(kind="containers", contained=found, because=(file,) if file else (), doubts=found.doubts), seen)


def _yaml_of(file: str, text: str) -> object:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"{file} cannot be read as YAML", last_lines=str(error).splitlines()[-4:], hint="correct it") from error
    except RecursionError:
        raise UsageError(f"{file} is nested too deeply to be read: hundreds of levels, one in another", hint="correct it") from None


def _read_stack(place: Path, file: str) -> Stack:
    text = (place / file).read_text(encoding="utf-8", errors="replace")
    content = _yaml_of(file, text)
    beside = tuple(str(each.relative_to(place)) for pattern in ("*", "*/*") for each in place.glob(pattern) if each.is_file())
    return stack_of(text, content, beside)


def _or_stack(seen: Seen) -> tuple[str, ...]:
    file = compose_file(seen.paths)
    other = f"there is a {file}, too: with --kind containers it is what is deployed, with --kind compose a stack that is set up"
    return (other,) if file else ()


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


def _kind(said: str, seen: Seen, git: str) -> Kind:
    if said and said not in KINDS:
        raise UsageError(f"--kind {said!r} is not known", hint=f"one of {', '.join(KINDS)}")
    found = next((kind for kind in KINDS if kind == said), None) or kind_of(seen)
    if found is None:
        raise UsageError(
            f"nothing in {git} says what it is: no package.json, requirements.txt, pyproject.toml, index.html or compose.yml",
            hint=f"say --kind {'|'.join(KINDS)}, or --folder where the application is",
        )
    return found


def _services(said: str) -> tuple[str, ...]:
    names = tuple(word.strip() for word in said.split(",") if word.strip())
    for name in names:
        if name not in SERVICES:
            raise UsageError(f"--needs {name!r} is not known", hint=f"one of {', '.join(SERVICES)}, or both with a comma")
    return names


def _needs(wanted: Wanted, found: Guess) -> tuple[str, ...]:
    """What was said, else what was seen. Raises UsageError where a server for it would have nothing to hold."""
    needs = _services(wanted.needs) or found.needs
    if wanted.data and not needs:
        raise UsageError(
            "nothing says what the server of --data is to hold", hint="say --needs postgresql, redis, or both with a comma"
        )
    return needs


def _name(word: str, *, told: bool) -> str:
    """An application's name: it names a user, too. Raises UsageError for one that was given and cannot be."""
    fits = re.sub(r"[^a-z0-9]+", "-", word.lower()).strip("-0123456789")[:31].strip("-")
    if not fits or (told and word != fits):
        like = f", such as --app {fits}" if fits else ""
        raise UsageError(f"{word!r} cannot name an application", hint=f"at most 31 of a-z, 0-9 and `-`, a letter first{like}")
    return fits


def _of_roles(found: Guess, domain: str) -> dict[str, Any]:
    """The roles that the host gets, and what they want to know."""
    node = found.kind == "node" or (found.kind == "static" and found.install != "")
    runtime = ["nodejs"] if node else {"python": ["python"], "containers": ["docker"]}.get(found.kind, [])
    web = ["nginx", *(["certificates"] if domain else [])]
    return {
        "base": ["base", "firewall"],
        "roles": [*web, *runtime, "app"],
        "node": node,
        "registry": _registry() if node else "",
        "worker": "node worker.js" if found.kind == "node" else "celery --app tasks worker",
        "today": _today(),
    }


def _today() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d}"


def _registry() -> str:
    """The npm registry of this machine, where there is an npm that knows."""
    said = next((value for name, value in os.environ.items() if name.lower() == "npm_config_registry"), "")
    npm = shutil.which("npm")
    if not said and npm:
        command, quiet = [npm, "config", "get", "registry"], {**os.environ, "npm_config_logs_max": "0"}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=quiet, stdin=subprocess.DEVNULL)
        said = done.stdout.strip() if done.returncode == 0 else ""
    return said.rstrip("/") if re.fullmatch(r"https?://[^\s'\"@]+", said) else ""


def _write(project: Path, folder: Path, values: Mapping[str, Any], templates: Mapping[str, str]) -> tuple[str, ...]:
    """All files, each from its template, or, where one cannot be filled, none."""
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
    texts = {name: surroundings.from_string(catalogue.template(f"init/{of}.j2")).render(values) for name, of in templates.items()}
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
    if git_says(project, "rev-parse", "--git-dir") and not git_says(project, "check-ignore", ".windlass/secrets"):
        place = project / ".windlass"
        place.mkdir(exist_ok=True)
        own_file.keep_out_of_git(place)
