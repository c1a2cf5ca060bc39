"""What differs where an application's processes are containers of Docker Compose's, said as values and operations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from windlass.operations.command import Run
from windlass.operations.file import File
from windlass.operations.gate import Containers
from windlass.plans import containers
from windlass.values import Command

if TYPE_CHECKING:
    from windlass.flows.deployment.preparation import Deployment
    from windlass.inventory import Application, Process

LIMIT = 1800.0  # seconds for images to be built or pulled


def contained(application: Application) -> bool:
    """Whether the processes of an application are services of Compose."""
    return application.runtime == "compose"


def identity(application: Application, process: Process, slot: str, release: str, number: int) -> Containers | None:
    """The containers that an instance of a process is."""
    if not contained(application):
        return None
    name = containers.project(application.name, slot, release, f"{process.name}-{number}")
    return Containers(project=name, services=process.services)


def variables(application: Application, slot: str, release: str, process: Process | None = None, number: int = 0) -> dict[str, str]:
    """What Compose has to know for an instance, or, without a process, for a command that is run for the release."""
    if not contained(application):
        return {}
    web, of = application.web, process or application.web
    port = getattr(web.ports, slot) + (number if of.name == web.name else 0)
    project = containers.project(application.name, slot, release, f"{of.name}-{number}")
    return {"COMPOSE_PROJECT_NAME": project, "PORT": str(port)}


def command(application: Application, process: Process, slot: str, number: int) -> str:
    """What its launcher becomes; empty where the process has a command of its own."""
    if not contained(application):
        return ""
    alone = process.handover == "single"  # its lock tells of launchers; their containers may outlive them
    where = containers.place(application.name, "" if alone else slot, f"{process.name}-{number}")
    program = containers.supervisor(application.name, slot)
    return containers.supervised(program, where, process.services, process.stop_seconds)


def program(application: Application, slot: str) -> tuple[File, ...]:
    """What the launchers of a slot become."""
    if not contained(application):
        return ()
    return (File(path=containers.supervisor(application.name, slot), content=containers.SUPERVISE, mode="0755"),)


def own_seconds(application: Application) -> float:
    """How much longer than its containers a process takes to stop."""
    return containers.OWN_SECONDS if contained(application) else 0.0


def images(deployment: Deployment, slot: str) -> tuple[Run, ...]:
    """Have the images of a release, and containers of them that wait to be started, so that its start takes seconds."""
    application = deployment.here
    if not contained(application):
        return ()
    return tuple(
        Run(
            name=f"images of {process.name}-{number}",
            command=containers.created(process.services, variables(application, slot, deployment.release, process, number)),
            user=application.user,
            folder=deployment.folder,
            limit_seconds=LIMIT,
        )
        for process in application.processes.values()
        for number in range(process.instances)
    )


def exports(application: Application, slot: str, release: str) -> str:
    """What a command begins with that is run for a release, such as its migration; empty without containers."""
    return containers.exported(variables(application, slot, release))


def clear(application: Application) -> tuple[Run, ...]:
    """Remove what Docker has of releases that are in no slot any more."""
    if not contained(application):
        return ()
    return (Run(name="remove containers and images of old releases", command=Command.of(*containers.cleared(application.name))),)
