"""What the role stack wants of a host."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from windlass.errors import InventoryError
from windlass.operations.command import Run
from windlass.operations.file import File
from windlass.operations.local_tree import LocalTree
from windlass.operations.operation import Operation
from windlass.operations.tree import Tree
from windlass.plans.topology import HostView
from windlass.values import Secret

from .settings import Settings

FILES: Final = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
VALUES: Final = "/.env"  # is made from the settings: the folder neither brings one nor takes it away
UP: Final = "up --detach --remove-orphans --build"


def steps(host: HostView, settings: Settings) -> list[Operation]:
    """Compose is called when the folder or a value changed, and again by the next run if that broke off."""
    _refuse_without_docker(host)
    tree = Tree(path=settings.place, source=_source(host, settings), delete=settings.clean)
    values = File(path=f"{settings.place}/.env", content=_values(host, settings), mode="0600")
    return [
        tree,
        values,
        Run(
            command=f"{settings.command} {UP}",
            name="the stack as its folder says",
            folder=settings.place,
            run_on=(tree, values),
            limit_seconds=settings.limit_seconds,
        ),
    ]


def _refuse_without_docker(host: HostView) -> None:
    if "docker" not in host.environment.roles_of(host.name):
        raise InventoryError(
            f"host {host.name}: a stack runs in Docker, and no role of the host brings that",
            hint="give it the role docker before stack, as in roles: [base, firewall, docker, stack]",
        )


def _source(host: HostView, settings: Settings) -> LocalTree:
    folder: Path = host.environment.project / settings.folder
    if not any((folder / name).is_file() for name in FILES):
        raise InventoryError(
            f"host {host.name}: there is no compose.yml in {settings.folder}",
            hint="stack.folder is the folder of the project that has it at its top",
        )
    return LocalTree.of(folder, exclude=(*settings.exclude, VALUES))


def _values(host: HostView, settings: Settings) -> Secret:
    given = dict(settings.environment) | {name: host.secret(each.secret).reveal() for name, each in settings.secrets.items()}
    return Secret("".join(f"{name}={value}\n" for name, value in given.items()))
