"""An application's environment variables before a deploy: against its `.env.example`, and against the release that serves."""

from __future__ import annotations

import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from windlass import events
from windlass.errors import RefusedError
from windlass.flows.deployment.preparation import Deployment, fingerprints
from windlass.flows.steps import all_of
from windlass.operations.release import ReleaseState
from windlass.plans.env_keys import Difference, compared, difference, example
from windlass.plans.layout import Layout
from windlass.plans.slots import HostState

if TYPE_CHECKING:
    from windlass.flows.workspace import Workspace
    from windlass.inventory import Application, Environment

EXAMPLE = ".env.example"


@dataclass(frozen=True, slots=True)
class EnvironmentDiff:
    """What the next release would get that the serving one did not, by name and fingerprint; never a value.

    release  the one that serves, empty if none does
    live     its fingerprints by name
    coming   those of the inventory as it is now
    """

    release: str
    live: Mapping[str, str]
    coming: Mapping[str, str]
    difference: Difference


def check_keys(environment: Environment, application: Application, source: Path, listener: events.Listener) -> None:
    """Compare what the inventory gives with the `.env.example` in a source, where it has one; surplus keys are warned of.

    Raises RefusedError that names every key that is needed and missing.
    """
    text = None if application.static else _example_in(source)  # what a frontend reads, it reads when it is built
    if text is None:
        return
    keys = compared(example(text), _given(application))
    if keys.surplus:
        listener(events.Note(f"not in {application.name}'s {EXAMPLE}: {', '.join(keys.surplus)}", warning=True))
    if keys.missing:
        place = environment.place("applications", application.name, "environment")
        raise RefusedError(
            f"{application.name} needs environment variables that the inventory does not give: {', '.join(keys.missing)}",
            hint=f"add them under `environment:` ({place}); or, if it can do without them, give them a value in its {EXAMPLE}",
        )


def environment_diff(
    workspace: Workspace, application: Application, *, listener: events.Listener = events.nobody
) -> EnvironmentDiff:
    """What differs from the release that serves, on the host where releases are recorded first. Raises the host's error."""
    host = workspace.environment.hosts_of(application.hosts)[0].name
    with workspace.fleet([host], listener) as fleet:
        answer = all_of(fleet.run_same([host], (ReleaseState(root=Layout(application.name).root),)))
    state = HostState.of(host, answer[host][0].data)
    record = state.records.get(state.live_release)
    live = record.environment if record else {}
    coming = fingerprints(Deployment(workspace, application, host, "{release}").environment())
    return EnvironmentDiff(state.live_release, live, coming, difference(live, coming))


def _given(application: Application) -> set[str]:
    own = (name for process in application.processes.values() for name in process.environment)
    return {*application.environment, *own}


def _example_in(source: Path) -> str | None:
    with tarfile.open(source) as archive:
        try:
            member = archive.extractfile(EXAMPLE)
        except KeyError:
            return None
        return member.read().decode(errors="replace") if member else None
