"""What an application is: where its code comes from, how it is built, which processes it has, and how the public reaches it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, WrapValidator, model_validator

from windlass.inventory.application_cron import CronEntry
from windlass.inventory.compose import only_services, with_services
from windlass.inventory.schema import (
    Entry,
    Matching,
    Port,
    RelativePath,
    ShortName,
    Template,
    UserName,
    VariableName,
    with_names,
)
from windlass.inventory.sites import Site
from windlass.inventory.sources import NpmSource, Source, one_source
from windlass.inventory.static import Static, static_of

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Memory = Annotated[str, Matching(r"[1-9]\d*[KMG]", "a size such as 300M or 1G")]
Handover = Literal["overlap", "drain", "single"]
ServiceName = Annotated[str, Matching(r"[A-Za-z0-9][\w.-]*", "the name of a service of compose.yml")]
WebPath = Annotated[str, Matching(r"/[^\s#]*", "a path on the server, such as /healthz")]


class Build(Entry):
    """How the code becomes an artefact. It happens once; every host gets the same bytes."""

    install: str = "npm ci"
    """Installs the dependencies; its result is cached by lockfile and version of Node or Python; empty: nothing to install. With
    `runtime: python` the default is `pip install --no-compile -r requirements.txt`, into a virtual environment that is there"""
    lockfile: str = "package-lock.json"
    """The file that pins the dependencies, from the application's folder; with `runtime: python` the default is
    `requirements.txt`"""
    commands: tuple[str, ...] = ()
    """What turns the code into what runs, in order, such as `npm run build`"""
    prune: str = "npm prune --omit=dev"
    """Takes away what only the build needed; empty (the default with `runtime: python`): everything stays"""
    exclude: tuple[str, ...] = ()
    """Patterns of files that do not go into the artefact, such as `test/**`"""


# pip itself insists on hashes as soon as the file has one.
PYTHON_BUILD: Mapping[str, str] = {
    "install": "pip install --no-compile -r requirements.txt",
    "lockfile": "requirements.txt",
    "prune": "",
}
COMPOSE_BUILD: Mapping[str, str] = {"install": "", "lockfile": "", "prune": ""}  # its images are built on each host


class Ports(Entry):
    """One port per slot, for an application that cannot listen on a unix socket."""

    blue: Port
    """Port on 127.0.0.1 of the blue slot"""
    green: Port
    """Port on 127.0.0.1 of the green slot"""

    @model_validator(mode="after")
    def _different(self) -> Ports:
        if self.blue == self.green:
            raise ValueError(f"blue and green should have different ports, not both {self.blue}")
        return self


class Health(Entry):
    """The question that tells whether a release serves."""

    path: WebPath = "/"
    """What is asked for"""
    status: Annotated[int, Field(ge=100, le=599)] = 200
    """The status of a good answer"""
    release: str = ""
    """Key of the JSON answer that holds the release's id, so that the gate knows who answered"""
    contains: str = ""
    """Text that a good answer contains"""


class Process(Entry):
    """One program of the application, run by PM2 or by systemd; with `runtime: compose` some services of its compose.yml."""

    name: str
    command: Annotated[str, Matching(r"\S(?:.*\S)?", "a command such as node src/server.js")]
    """Program and arguments, started in the release's folder; a template, so that `--port {{ listen }}` is possible. Not with
    `runtime: compose`, where compose.yml has it"""
    services: tuple[ServiceName, ...] = ()
    """With `runtime: compose` the services of compose.yml that it is; without it the one of its own name. What they depend on
    comes along"""
    listen: Literal["none", "socket", "port"] = "none"
    """Where it serves: on a unix socket, on a TCP port, or (a worker) nowhere. The template value `listen` says which"""
    ports: Ports | None = None
    """The two ports, with `listen: port`; of several instances each takes the next port"""
    instances: Annotated[int, Field(ge=1, le=256)] = 1
    """How many of it run in a slot"""
    environment: Mapping[VariableName, Template] = {}
    """Environment variables of this process alone, templates that may use `slot`, `listen` and `instance`; they count more
    than the application's"""
    handover: Handover = "overlap"
    """How a worker of one release gives way to that of the next: both work for a while (overlap), the old one finishes what it has
    before the migration (drain), or there is never more than one (single)"""
    memory: Memory | None = None
    """It is restarted above this much memory: by PM2, which looks every 30 s, or by the kernel at once, under systemd"""
    stop_seconds: Positive = 30
    """How long it may take to finish its work when it is told to stop; what has not ended by then is killed"""
    health: Health = Field(default_factory=Health)
    """The question that tells whether it serves; only for the process that listens"""

    @property
    def memory_bytes(self) -> int:
        """The limit of its memory in bytes, 0 without one."""
        return int(self.memory[:-1]) * 1024 ** ("KMG".index(self.memory[-1]) + 1) if self.memory else 0

    @model_validator(mode="after")
    def _fits(self) -> Process:
        if self.listen == "port" and self.ports is None:
            raise ValueError("needs `ports: {blue: …, green: …}`, because it has `listen: port`")
        if self.ports is not None and abs(self.ports.blue - self.ports.green) < self.instances:
            raise ValueError(f"blue and green should be at least {self.instances} ports apart, one for each instance")
        if self.listen != "port" and self.ports is not None:
            raise ValueError(f"`ports` needs `listen: port`, not `listen: {self.listen}`")
        if self.listen == "none" and "health" in self.model_fields_set:
            raise ValueError("`health` needs a process that listens: add `listen: socket` or `listen: port`")
        if self.handover != "overlap" and self.listen != "none":
            raise ValueError(f"`handover: {self.handover}` is for workers: what listens serves until the switch, and overlaps")
        if self.handover == "single" and self.instances != 1:
            raise ValueError(f"`handover: single` means one of it, not `instances: {self.instances}`")
        return self


class Gate(Entry):
    """What a new release has to show before it gets requests."""

    limit_seconds: Positive = 60
    """How long it may take until it answers"""
    stable_seconds: NotNegative = 3
    """How long it then has to go on without a restart"""
    watch_seconds: NotNegative = 3
    """How long each host watches it after the switch; if it fails or is restarted meanwhile, the host switches back by itself.
    A deploy takes so much longer; what crashes later is told by `status`. 0: not at all"""


class Application(Entry):
    """What is deployed as one thing: one artefact, one release, one switch."""

    name: str
    hosts: str
    """Pattern of the hosts it runs on: names, groups, globs, `!` excludes, `,` unites"""
    user: UserName = ""
    """The Unix user it runs as; without it the application's name"""
    source: Annotated[Source, WrapValidator(one_source)]
    """Where the code comes from: exactly one of git, path, npm"""
    runtime: Literal["node", "python", "compose"] = "node"
    """What it is written for: says what the build does by itself, and who supervises. `compose`: its processes are services of the
    compose.yml at the top of its code"""
    supervisor: Literal["pm2", "systemd"] = "pm2"
    """What starts its processes and keeps them running; with `runtime: python` and `compose` the default is `systemd`"""
    build: Build = Field(default_factory=Build)
    """How the code becomes an artefact"""
    processes: Annotated[Mapping[ShortName, Process], BeforeValidator(with_names)] = {}
    """Its programs; exactly one of them listens. An application has either these or `static`"""
    static: Annotated[
        Static | None,
        BeforeValidator(static_of),
        WithJsonSchema({"anyOf": [{"type": "string"}, {"$ref": "#/$defs/Static"}], "default": None}),
    ] = None
    """Instead of processes: the folder of files that nginx serves by itself, or a mapping as below"""
    environment: Mapping[VariableName, Template] = {}
    """Environment variables of all its processes and of the migration, templates; they hold for a release in either slot,
    so that `slot`, `listen` and `instance` are for the processes' own"""
    files: Mapping[RelativePath, Template] = {}
    """Files written into each release: path and template; as with `environment`, not for one slot"""
    migrate: str = ""
    """Brings the database to what the release needs; run once per deploy, on one host, before the switch"""
    cron: Annotated[Mapping[ShortName, CronEntry], BeforeValidator(with_names)] = {}
    """What the release that serves does at set times"""
    shared: tuple[RelativePath, ...] = ()
    """Folders that all releases share, such as uploads"""
    gate: Gate = Field(default_factory=Gate)
    """What a new release has to show before it gets requests"""
    drain_seconds: NotNegative = 30
    """How long requests that began on the old release may take after the switch"""
    keep_releases: Annotated[int, Field(ge=2, le=100)] = 5
    """How many releases stay on a host"""
    keep_warm: bool = True
    """Leave the old release running after the switch, so that the way back takes no start"""
    site: Site | None = None
    """How the public reaches it; without it nothing does"""

    @model_validator(mode="before")
    @classmethod
    def _own_user(cls, value: Any) -> Any:
        return {**value, "user": value.get("user") or value.get("name")} if isinstance(value, dict) else value

    @model_validator(mode="before")
    @classmethod
    def _for_runtime(cls, value: Any) -> Any:
        """Other defaults; what is given counts more."""
        runtime = value.get("runtime") if isinstance(value, dict) else None
        default = {"python": PYTHON_BUILD, "compose": COMPOSE_BUILD}.get(runtime) if isinstance(runtime, str) else None
        if default is None:
            return value
        given = value.get("build")
        build = default if given is None else {**default, **given} if isinstance(given, dict) else given
        told = {**value, "build": build, "supervisor": value.get("supervisor") or "systemd"}
        return with_services(told) if runtime == "compose" else told

    @model_validator(mode="after")
    def _fits_its_runtime(self) -> Application:
        if self.runtime != "node" and isinstance(self.source, NpmSource):
            raise ValueError(f"`runtime: {self.runtime}` needs a source of git or path, not npm")
        if self.runtime == "compose":
            only_services(self)
        elif with_some := next((name for name, process in self.processes.items() if process.services), ""):
            raise ValueError(f"`processes.{with_some}.services` is for `runtime: compose`, whose compose.yml has them")
        return self

    @model_validator(mode="after")
    def _one_listens(self) -> Application:
        if self.static:
            return self._only_files()
        if not self.processes:
            raise ValueError("needs `processes`, or `static` if it is only files")
        listening = [process.name for process in self.processes.values() if process.listen != "none"]
        if len(listening) != 1:
            found = f"{' and '.join(listening)} do" if listening else "none does"
            raise ValueError(f"exactly one of its processes should have `listen: socket` or `listen: port`; {found}")
        return self

    def _only_files(self) -> Application:
        """What belongs to processes has no meaning without any."""
        if self.processes:
            raise ValueError("has `static` and `processes`: it is either files or programs; make two applications of it")
        if self.site is None:
            raise ValueError("`static` needs `site`: without it nobody would ever see the files")
        useless = [name for name in ("environment", "migrate", "shared", "cron") if name in self.model_fields_set]
        if useless:
            raise ValueError(f"`{useless[0]}` is for processes, and `static` has none")
        if self.site.paths:
            raise ValueError("`site.paths` is for processes: nobody sends anything to files")
        return self

    def on_host(self, *, first: bool) -> Application:
        """What of it runs on one of its hosts: of what there is only one, that one is on its first host."""
        if first:
            return self
        processes = {name: process for name, process in self.processes.items() if process.handover != "single"}
        cron = {name: entry for name, entry in self.cron.items() if entry.on == "every"}
        return self.model_copy(update={"processes": processes, "cron": cron})

    @property
    def web(self) -> Process:
        """The one process that serves; what is `static` has none."""
        return next(process for process in self.processes.values() if process.listen != "none")
