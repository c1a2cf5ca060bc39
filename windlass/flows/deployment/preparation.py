"""What a release needs on a host, said as operations: its files, its environment, its processes. Nothing is done here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from windlass.flows.deployment import containers, frontend, runtime
from windlass.flows.deployment.cron_entries import cron_entries
from windlass.flows.deployment.supervision import Program, supervisor_of
from windlass.inventory.environment_file import environment_file
from windlass.inventory.templating import process_command, process_environment, release_files, scope
from windlass.operations.archive import Archive
from windlass.operations.command import Run
from windlass.operations.directory import Directory
from windlass.operations.file import File
from windlass.operations.gate import Health, Instance
from windlass.operations.link import Link
from windlass.operations.operation import LocalFile, Operation
from windlass.plans.launcher import Places, launcher
from windlass.plans.layout import Layout
from windlass.plans.slots import Held
from windlass.values import Command, Secret

if TYPE_CHECKING:
    from windlass.flows.workspace import Workspace
    from windlass.inventory import Application, Environment, Process

# Of one file, given on standard input.
WRITE = 'umask 077; mkdir -p "$(dirname "$1")"; cat > "$1"; sync "$1"'
# Of a folder that is shared and where a release has it. An empty folder gives way, also one that git could only keep by a file.
SHARE = """
[ -d "$1" ] || mkdir -p -m 0750 "$1"
mkdir -p "$(dirname "$2")"
[ -L "$2" ] || [ ! -d "$2" ] || { rm -f "$2/.gitkeep" "$2/.keep"; rmdir "$2"; }
ln -sfn "$1" "$2"
"""


@dataclass(frozen=True, slots=True)
class Deployment:
    """A release of an application, seen from one host."""

    workspace: Workspace
    application: Application
    host: str
    release: str

    @property
    def layout(self) -> Layout:
        return Layout(self.application.name)

    @property
    def folder(self) -> str:
        return self.layout.release(self.release)

    @property
    def here(self) -> Application:
        """What of the application runs on this host."""
        return here(self.workspace.environment, self.application, self.host)

    def values(self, **more: Any) -> Mapping[str, Any]:
        """What templates of this release may use on this host."""
        extra = {"release": self.release, "folder": self.folder, "shared": self.layout.shared} | more
        environment = self.workspace.environment
        return scope(environment, environment.host(self.host), self.workspace.secrets, self.application, extra)

    def environment(self) -> dict[str, str]:
        """The release's environment, without what depends on the slot."""
        return process_environment(self.workspace.environment, self.application, None, self.values())

    def files(self) -> dict[str, Secret]:
        """The release's own files that the inventory describes, by path inside the release."""
        return release_files(self.workspace.environment, self.application, self.values())


def here(environment: Environment, application: Application, host: str) -> Application:
    """What of an application runs on a host of its."""
    first, *_others = environment.hosts_of(application.hosts)
    return application.on_host(first=host == first.name)


def fingerprints(values: Mapping[str, str]) -> dict[str, str]:
    """What a release remembers of its environment: enough to see that a value differs, too little to know a guess for right."""
    return {name: hashlib.sha256(f"{name}={value}".encode()).hexdigest()[:4] for name, value in sorted(values.items())}


def configuration(deployment: Deployment) -> str:
    """A digest of all that shapes a release on its host besides its artefact: environment, files, processes."""
    application = deployment.application
    unnamed = Deployment(deployment.workspace, application, deployment.host, "{release}")
    parts = {
        "environment": unnamed.environment(),
        "files": {path: text.reveal() for path, text in unnamed.files().items()},
        "processes": {name: _described(process) for name, process in application.processes.items()},
        "variables": {name: _own_variables(unnamed, process) for name, process in application.processes.items()},
        "shared": list(application.shared),
        "supervisor": application.supervisor,
        "cron": {name: entry.model_dump(mode="json") for name, entry in application.cron.items()},
    }
    if application.static:
        parts["static"] = application.static.model_dump(mode="json")
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _described(process: Process) -> dict[str, Any]:
    """What the inventory says of it. A key that came with a later version is no change as long as nothing is said there."""
    return process.model_dump(mode="json", exclude=None if process.services else {"services"})


def _own_variables(deployment: Deployment, process: Process) -> dict[str, str]:
    """What a process sets itself, filled but for the slot: a secret in it may have changed, which its template does not show."""
    values = deployment.values(slot="{slot}", listen="{listen}", instance=0)
    environment = deployment.workspace.environment
    filled = process_environment(environment, deployment.application, process, values)
    command = process_command(environment, deployment.application, process, values)
    return {name: filled[name] for name in process.environment} | {"": command}


def unpack(deployment: Deployment, content: LocalFile | str) -> tuple[Operation, ...]:
    """The release's folder: the artefact, and what makes it a release of this host. `content` is a path where the host has it."""
    user = deployment.application.user
    # What follows changes files of it, and puts links in the place of folders.
    archive = Archive(content=content, path=deployment.folder, owner=user, group=user, compare=False)
    used_up = [File(path=content, absent=True)] if isinstance(content, str) else []
    return (archive, *used_up, *_joined(deployment), *dress(deployment))


def _joined(deployment: Deployment) -> list[Operation]:
    """What makes a release fit the language's installation on the host."""
    if deployment.application.runtime != "python":
        return []
    python = runtime.interpreter(deployment.workspace.environment, deployment.host)
    return [_in_release(deployment, "join the release and this host's Python", runtime.JOIN_PYTHON, python)]


def dress(deployment: Deployment) -> tuple[Operation, ...]:
    """The environment and the files that the inventory describes, and links to what all releases share.

    All of it is done as the application's user: the folders are the user's, and root would follow a link that was laid there.
    """
    own = {} if deployment.application.static else {".env": environment_file(deployment.environment())}
    written = own | deployment.files()
    files = [_in_release(deployment, f"write {path}", WRITE, path, give=text) for path, text in written.items()]
    shared = deployment.layout.shared
    links = [_in_release(deployment, f"share {path}", SHARE, f"{shared}/{path}", path) for path in deployment.application.shared]
    return (*files, *links)


def _in_release(deployment: Deployment, name: str, script: str, *arguments: str, give: Secret | None = None) -> Run:
    command = Command.of("/bin/sh", "-euc", script, "sh", *arguments)
    return Run(name=name, command=command, user=deployment.application.user, folder=deployment.folder, give=give)


def instances(application: Application, slot: str, release: str) -> tuple[Instance, ...]:
    """The processes of a release in a slot, as the host can recognise them."""
    found: list[Instance] = []
    for process in application.processes.values():
        found += [_instance(application, process, number, slot, release) for number in range(process.instances)]
    return tuple(found)


def _instance(application: Application, process: Process, number: int, slot: str, release: str) -> Instance:
    layout, name = Layout(application.name), f"{process.name}-{number}"
    return Instance(
        name=name,
        run=layout.run_of(slot, name),
        folder=layout.release(release),
        listen=listen_of(application, process, number, slot),
        log=layout.log(slot, name),
        health=_health(process, release),
        containers=containers.identity(application, process, slot, release, number),
    )


def listen_of(application: Application, process: Process, number: int, slot: str) -> str:
    """Where an instance listens: a socket's path, an address and port, or nothing."""
    if process.listen == "socket":
        return Layout(application.name).socket(slot, f"{process.name}-{number}")
    if process.listen == "port" and process.ports:
        return f"127.0.0.1:{getattr(process.ports, slot) + number}"
    return ""


def _health(process: Process, release: str) -> Health | None:
    if process.listen == "none":
        return None
    health = process.health
    return Health(
        path=health.path, status=health.status, contains=health.contains or "", release_key=health.release or "", release=release
    )


def is_web(instance: Instance) -> bool:
    """Whether an instance takes requests; the others are workers."""
    return bool(instance.listen)


def held(application: Application, slot: str) -> Held:
    """What is started in a slot, as the inventory describes it now."""
    layout = Layout(application.name)
    found = instances(application, slot, "")
    names = {each: layout.process_name(slot, each.name) for each in found}
    handover = {each: application.processes[each.name.rpartition("-")[0]].handover for each in found}
    return Held(
        web=tuple(names[each] for each in found if is_web(each)),
        workers=tuple(names[each] for each in found if not is_web(each)),
        listens=tuple(each.listen for each in found if each.listen),
        drain=tuple(names[each] for each in found if handover[each] == "drain"),
        single=tuple(names[each] for each in found if handover[each] == "single"),
        supervisor=application.supervisor,
    )


def slot_prefix(application: Application, slot: str) -> str:
    """What the names of a slot's processes begin with."""
    return Layout(application.name).process_name(slot, "")


def by_port(application: Application) -> bool:
    """Whether the slots are known by port: there are applications that speak nothing but TCP."""
    return any(process.listen == "port" for process in application.processes.values())


def start(deployment: Deployment, slot: str) -> tuple[Operation, ...]:
    """Fill a slot with a release and start its processes there. What was in the slot ends."""
    application, layout, folder = deployment.here, deployment.layout, deployment.layout.slot(slot)
    if application.static:
        return frontend.start(application, slot, deployment.release)
    operations: list[Operation] = [
        Directory(path=folder),
        Link(path=f"{folder}/run", target=f"{layout.run}/{slot}"),
        File(
            path=f"{folder}/slot.json",
            content=json.dumps({"release": deployment.release, **asdict(held(application, slot))}) + "\n",
        ),
    ]
    operations += containers.program(application, slot)
    started: list[Program] = []
    for process in application.processes.values():
        for number in range(process.instances):
            name = f"{process.name}-{number}"
            operations += _launch(deployment, process, number, slot)
            started.append(
                Program(
                    name=layout.process_name(slot, name),
                    launcher=layout.launcher(slot, name),
                    folder=deployment.folder,
                    log=layout.log(slot, name),
                    stop_seconds=process.stop_seconds + containers.own_seconds(application),
                    memory=process.memory or "",
                )
            )
    operations += cron_entries(application, deployment.release, slot)
    return (*operations, *supervisor_of(application).start(slot_prefix(application, slot), started))


def _launch(deployment: Deployment, process: Process, number: int, slot: str) -> list[Operation]:
    """The launcher of one instance; what the last one of its name left in /run goes."""
    application, layout, name = deployment.application, deployment.layout, f"{process.name}-{number}"
    listen, run = listen_of(application, process, number, slot), layout.run_of(slot, name)
    shown = listen.rpartition(":")[2] if process.listen == "port" else listen
    values = deployment.values(slot=slot, listen=shown, instance=number)
    environment = deployment.workspace.environment
    filled = process_environment(environment, application, process, values)
    contained = containers.variables(application, slot, deployment.release, process, number)
    variables = contained | {name: filled[name] for name in process.environment}
    command = containers.command(application, process, slot, number) or process_command(environment, application, process, values)
    places = Places(
        folder=deployment.folder,
        run=run,
        socket=listen if process.listen == "socket" else "",
        log="" if supervisor_of(application).writes_logs else layout.log(slot, name),
        lock=layout.lock(process.name) if process.handover == "single" else "",
    )
    text = launcher(places, command, variables)
    return [
        File(path=f"{run}.starts", absent=True),
        File(path=f"{run}.pid", absent=True),
        File(path=layout.launcher(slot, name), content=text, mode="0700", owner=application.user, group=application.user),
    ]
