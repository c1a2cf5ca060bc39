"""What an application probably is, from what its repository holds: good enough for a first inventory, which a person reads."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any, Final, Literal, get_args

from windlass.plans.first_containers import Contained

Kind = Literal["node", "python", "static", "compose", "containers"]
KINDS: Final = get_args(Kind)
COMPOSE: Final = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
# The files whose text says something.
TELLING: Final[tuple[str, ...]] = (
    "package.json",
    "requirements.txt",
    "pyproject.toml",
    "next.config.js",
    "next.config.mjs",
    "next.config.ts",
    *COMPOSE,
)
# Where programs usually say that they are well, the likeliest first.
HEALTH: Final = ("/healthz", "/health", "/api/healthz", "/api/health", "/readyz", "/livez", "/ping")

# What builds pages that need no program: the folder of the result, and the folder in it whose names carry a hash.
_PAGES: Mapping[str, tuple[str, str]] = {
    "next": ("out", "_next"),
    "astro": ("dist", "_astro"),
    "react-scripts": ("build", "static"),
    "gatsby": ("public", ""),
    "@11ty/eleventy": ("_site", ""),
    "@sveltejs/adapter-static": ("build", "_app"),
    "vite": ("dist", "assets"),
}
_PROGRAMS: Final = ("server.js", "app.js", "index.js", "src/server.js", "src/app.js", "src/index.js")
_GATHER: Final = "mkdir public && find . -maxdepth 1 ! -name '.*' ! -name public -exec cp -R {} public/ ';'"
_SINGLE: Final = ("vite", "react-scripts", "")  # what usually makes one page with addresses of its own
_SERVERS: Final = ("express", "fastify", "koa", "@nestjs/core", "@hapi/hapi", "hono", "restify", "socket.io", "next", "nuxt")
_POSTGRESQL: Final = ("pg", "postgres", "pg-promise", "psycopg", "psycopg2", "psycopg2-binary", "asyncpg")
_REDIS: Final = ("redis", "ioredis", "bullmq", "bull", "rq")
_NODE_MIGRATIONS: Mapping[str, str] = {
    "prisma": "npx prisma migrate deploy",
    "sequelize-cli": "npx sequelize-cli db:migrate",
    "knex": "npx knex migrate:latest",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a repository holds: the paths of its files, the texts of those in TELLING, and which of HEALTH its code names."""

    paths: tuple[str, ...] = ()
    texts: Mapping[str, str]
    health: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """What goes into the inventory. `because` says what it was seen by, `doubts` what a person should look at first."""

    kind: Kind
    install: str | None = None
    lockfile: str | None = None
    commands: tuple[str, ...] = ()
    prune: str | None = None
    command: str = ""
    migrate: str = ""
    health: str = "/"
    folder: str = ""
    assets: str = ""
    fallback: str = ""
    needs: tuple[str, ...] = ()
    database_scheme: str = "postgresql"
    contained: Contained | None = None
    because: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def builds(self) -> bool:
        """Whether Node is needed to make it."""
        return self.kind == "node" or self.install != ""


def kind_of(seen: Seen) -> Kind | None:
    """What it is; None where nothing says so."""
    if "package.json" in seen.paths:
        return "static" if _only_pages(seen) else "node"
    if {"requirements.txt", "pyproject.toml"} & set(seen.paths):
        return "python"
    if "index.html" in seen.paths:
        return "static"
    return "compose" if compose_file(seen.paths) else None


def compose_file(paths: Iterable[str]) -> str:
    """The one that Compose would take; empty where there is none."""
    return next((name for name in COMPOSE if name in paths), "")


def guess(kind: Kind, seen: Seen) -> Guess:
    """What to write down for an application of this kind, which is no stack."""
    found = {"node": _node, "python": _python, "static": _static}[kind](seen)
    return found if kind == "static" else with_health(found, seen)


def with_health(found: Guess, seen: Seen) -> Guess:
    """With the path that its code has for it."""
    path = next((path for path in HEALTH if path in seen.health), "")
    doubt = "`health.path`: no usual one (/healthz, /health) is in the code; does / answer 200 when all is well?"
    return replace(found, health=path) if path else replace(found, doubts=(*found.doubts, doubt))


def _package(seen: Seen) -> Mapping[str, Any]:
    try:
        found = json.loads(seen.texts.get("package.json", "{}"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _part(package: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = package.get(name)
    return found if isinstance(found, dict) else {}


def _used(seen: Seen) -> set[str]:
    """The names of the packages that it uses itself."""
    package = _package(seen)
    texts = "\n".join(seen.texts.get(name, "") for name in ("requirements.txt", "pyproject.toml"))
    python = re.findall(r"^\s*[\"']?([A-Za-z][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*(?:[=<>~!;@\"',]|$)", texts, re.MULTILINE)
    listed = re.findall(r"[\"']([A-Za-z][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*[=<>~!;\"']", texts)  # of a list in one line
    return {*_part(package, "dependencies"), *_part(package, "devDependencies"), *(name.lower() for name in (*python, *listed))}


def _only_pages(seen: Seen) -> bool:
    """Whether a build makes files that need no program: Next is told so, what else makes pages would have a start or a server."""
    if any(re.search(r"output:\s*[\"']export", text) for name, text in seen.texts.items() if name.startswith("next.config")):
        return True
    used, scripts = _used(seen), _part(_package(seen), "scripts")
    if used & set(_SERVERS) or ("start" in scripts and "react-scripts" not in used):
        return False
    return bool(used & set(_PAGES)) or ("build" in scripts and not _program(seen))


def _needs(used: set[str], seen: Seen) -> tuple[str, ...]:
    redis = used & set(_REDIS) or "celery[redis]" in seen.texts.get("requirements.txt", "")
    return (*(["postgresql"] if used & set(_POSTGRESQL) else []), *(["redis"] if redis else []))


def _installing(seen: Seen) -> dict[str, Any]:
    """How its dependencies are installed, where that is not what Windlass does by itself."""
    if "package-lock.json" in seen.paths:
        return {}
    if "pnpm-lock.yaml" in seen.paths:
        pnpm = "npx --yes pnpm@9"
        return {
            "install": f"{pnpm} install --frozen-lockfile",
            "lockfile": "pnpm-lock.yaml",
            "prune": f"CI=true {pnpm} prune --prod",
        }
    if "yarn.lock" in seen.paths:
        return {"install": "npx --yes yarn@1 install --frozen-lockfile", "lockfile": "yarn.lock", "prune": ""}
    doubt = "no lockfile in the repository: commit package-lock.json, or each build installs what is newest"
    return {"install": "npm install", "lockfile": "package.json", "doubts": (doubt,)}


def _node(seen: Seen) -> Guess:
    package, used = _package(seen), _used(seen)
    scripts = _part(package, "scripts")
    told = _installing(seen)
    command, doubts = _node_command(package, seen)
    migrate = next((line for name, line in _NODE_MIGRATIONS.items() if name in used), "")
    return Guess(
        kind="node",
        **{**told, "doubts": (*told.get("doubts", ()), *doubts)},
        commands=("npm run build",) if "build" in scripts else (),
        command=command,
        migrate=migrate,
        needs=_needs(used, seen),
        because=("package.json",) if "package.json" in seen.paths else (),
    )


def _node_command(package: Mapping[str, Any], seen: Seen) -> tuple[str, tuple[str, ...]]:
    """The program itself where a script names it: npm and its like would stand between it and its signals."""
    start = str(_part(package, "scripts").get("start", ""))
    if re.fullmatch(r"node [^&|;<>$]+", start):
        return start, ()
    if re.match(r"next start\b", start):
        return "node node_modules/next/dist/bin/next start --port {{ listen }}", ()
    if start:
        return "npm start", ("`command`: the program itself is better than `npm start`, which keeps signals from it",)
    main = _program(seen)
    return (f"node {main}", ()) if main else ("node server.js", ("`command`: nothing says how it is started",))


def _program(seen: Seen) -> str:
    """What `node` would be given, where package.json has no start."""
    main = str(_package(seen).get("main", "")).removeprefix("./")
    return next((path for path in (main, *_PROGRAMS) if path in seen.paths), "")


def _static(seen: Seen) -> Guess:
    if "package.json" not in seen.paths:
        return _plain_pages(seen)
    used = _used(seen)
    builder = next((name for name in _PAGES if name in used), "")
    folder, assets = _PAGES.get(builder, ("dist", "assets"))
    doubts = () if builder else ("`static.folder`: where the build puts its result",)
    told = _installing(seen)
    return Guess(
        kind="static",
        **{**told, "prune": "", "doubts": (*told.get("doubts", ()), *doubts)},
        commands=("npm run build",),
        folder=folder,
        assets=assets,
        fallback="index.html" if builder in _SINGLE else "",
        because=("package.json", *([builder] if builder else [])),
    )


def _plain_pages(seen: Seen) -> Guess:
    """Pages that nothing builds. Those at the top of a repository get a folder, for the rest of it is not for everybody."""
    found = {str(PurePosixPath(path).parent) for path in seen.paths if PurePosixPath(path).name == "index.html"}
    inside = min(found - {"."}, key=lambda folder: (folder.count("/"), folder), default="public")
    return Guess(
        kind="static",
        install="",
        prune="",
        commands=(_GATHER,) if "." in found else (),
        folder="public" if "." in found else inside,
        because=("index.html",) if found else (),
        doubts=() if found else ("`static.folder`: where the pages are",),
    )


def _python(seen: Seen) -> Guess:
    used = _used(seen)
    command, doubts = _python_command(used, seen)
    migrate = "alembic upgrade head" if "alembic.ini" in seen.paths else ""
    if "manage.py" in seen.paths:
        migrate = "python manage.py migrate --noinput"
    pinned = "requirements.txt" in seen.paths or not seen.paths
    if not pinned:
        doubts = (
            *doubts,
            "no requirements.txt: `uv pip compile pyproject.toml -o requirements.txt` makes one, quicker and pinned",
        )
    return Guess(
        kind="python",
        install=None if pinned else "pip install --no-compile .",
        lockfile=None if pinned else "",  # its result holds the application's own code: not to be kept
        command=command,
        migrate=migrate,
        needs=_needs(used, seen),
        database_scheme=_scheme(used),
        because=tuple(name for name in ("requirements.txt", "pyproject.toml") if name in seen.paths)[:1],
        doubts=doubts,
    )


def _scheme(used: set[str]) -> str:
    """SQLAlchemy takes `postgresql://` for psycopg2, whatever is installed."""
    driver = next((name for name in ("asyncpg", "psycopg") if name in used), "")
    return f"postgresql+{driver}" if driver and used & {"sqlalchemy", "sqlmodel"} else "postgresql"


def _python_command(used: set[str], seen: Seen) -> tuple[str, tuple[str, ...]]:
    asgi = bool(used & {"fastapi", "starlette", "uvicorn", "litestar"})
    server = "uvicorn" if asgi else "gunicorn"
    missing = f"{server} is not among its dependencies: add it, it is what serves" if seen.paths and server not in used else ""
    if "manage.py" in seen.paths:
        wsgi = next((path for path in seen.paths if path.endswith("/wsgi.py")), "")
        module, sure = (wsgi.removesuffix(".py").replace("/", "."), True) if wsgi else ("project.wsgi", False)
        where = module
    else:
        module, sure = _module(seen)
        where = f"{module}:app"
    words = f"uvicorn {where} --uds {{{{ listen }}}}" if asgi else f"gunicorn {where} --bind unix:{{{{ listen }}}}"
    doubts = [] if sure else [f"`command`: is {where} the application?"]
    return words, (*doubts, *([missing] if missing else []))


def _module(seen: Seen) -> tuple[str, bool]:
    """The module that probably holds the application, and whether one of the usual names is there."""
    names = ("main.py", "app.py", "wsgi.py", "asgi.py")
    found = [path for path in seen.paths if path in names or (path.count("/") == 1 and path.partition("/")[2] in names[:2])]
    best = min(found, key=lambda path: (path.count("/"), path), default="")
    return (best.removesuffix(".py").replace("/", "."), True) if best else ("main", False)
