"""Where nginx finds a slot that is known by port."""

from __future__ import annotations

from typing import TYPE_CHECKING

from windlass.flows.deployment.preparation import by_port, held
from windlass.operations.directory import Directory
from windlass.operations.file import File
from windlass.operations.nginx import NginxReload
from windlass.operations.operation import Operation
from windlass.plans.layout import Layout, other

if TYPE_CHECKING:
    from windlass.inventory import Application


def made_known(application: Application, slot: str) -> tuple[Operation, ...]:
    """The servers of a slot that is to be filled, for nginx, which loads them: once, for ports seldom change.

    Those of the other slot are there from the first deploy on, so that the second has nothing to load either.
    """
    if not application.site or not by_port(application):
        return ()
    layout, idle = Layout(application.name), other(slot)
    files = (
        File(path=layout.upstream(slot), content=_servers(application, slot)),
        File(path=layout.upstream(idle), content=_servers(application, idle), once=True),
    )
    return (Directory(path=layout.slot(slot)), Directory(path=layout.slot(idle)), *files, NginxReload(run_on=files))


def _servers(application: Application, slot: str) -> str:
    """Without `max_fails=0` one refused connection would take the only server out for ten seconds."""
    lines = [f"server {listen} max_fails=0;" for listen in held(application, slot).listens]
    return "# Written by Windlass: the servers of this slot.\n" + "\n".join(lines) + "\n"
