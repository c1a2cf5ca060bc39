"""A release that is to come: its files on every host, its migration, its start. Said as stations; nothing is done here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from windlass.errors import RefusedError
from windlass.flows.deployment import containers, handover, ports, preparation
from windlass.flows.deployment.artefact import Artefact, packed
from windlass.flows.deployment.migrations import migrations_in
from windlass.flows.deployment.preparation import Deployment
from windlass.flows.deployment.stations import Station
from windlass.operations import command
from windlass.operations.release import Record
from windlass.plans.launcher import PROGRAMS
from windlass.plans.slots import States

if TYPE_CHECKING:
    from windlass.flows.deployment.cutover import Cutover

ROOM = 4  # times the artefact's size that must be free on a host before it is unpacked


def make_sure_of_room(states: States, artefact: Artefact) -> None:
    """Raises RefusedError: nothing is begun that a full disk would end."""
    needed = artefact.content.size * ROOM
    for host, state in states.items():
        if state.free_bytes < needed:
            raise RefusedError(
                f"{host} has {state.free_bytes >> 20} MiB free, and this release needs up to {needed >> 20} MiB there",
                host=host,
                hint="make room, or lower keep_releases; nothing was changed",
            )


def record(cutover: Cutover, artefact: Artefact, settings: str) -> dict[str, Any]:
    """What a host remembers of the release. `settings`: the digest of what shapes it there."""
    source = artefact.source
    unnamed = Deployment(cutover.workspace, cutover.application, cutover.hosts[0], "{release}")
    return {
        "state": "prepared",
        "artefact": artefact.content.checksum,
        "size": artefact.content.size,
        "configuration": settings,
        "reference": source.reference,
        "commit": source.commit,
        "operator": cutover.operator,
        "created": datetime.now(UTC).timestamp(),
        "migrations": list(migrations_in(source.tar)),
        "environment": preparation.fingerprints(unnamed.environment()),
    }


@dataclass(frozen=True, slots=True)
class Coming:
    """The release that is to serve, what it is made of, and what each host is to remember of it."""

    release: str
    artefact: Artefact
    records: Mapping[str, Mapping[str, Any]]


def files_in(cutover: Cutover, states: States, slots: Mapping[str, str], coming: Coming) -> list[Station]:
    """The run is announced on each host before anything is changed there; then the files, everywhere, and migrations, once."""
    application, release, root = cutover.application, coming.release, cutover.layout.root
    seen = {host: Deployment(cutover.workspace, application, host, release) for host in slots}
    prepared = {
        host: [
            cutover.progress("prepare", states[host], release, slot=slots[host]),
            Record(root=root, release=release, values=coming.records[host]),
            *preparation.unpack(seen[host], packed(root) if host == coming.artefact.builder else coming.artefact.content),
            *containers.images(seen[host], slots[host]),
        ]
        for host in slots
    }
    stations = [Station("prepare", prepared), handover.quiet(cutover, states, slots, release)]
    if application.migrate:
        first = cutover.hosts[0]
        migrated = [cutover.progress("migrate", states[first], release, slot=slots[first]), _migration(seen[first], slots[first])]
        stations.append(Station("migrate", {first: migrated}, together=True))
    return stations


def images_in(seen: Mapping[str, Deployment], slots: Mapping[str, str]) -> Station:
    """For a release that is on every host and was in another slot, or in none: nothing to do where it has no images."""
    return Station("images", {host: list(work) for host in slots if (work := containers.images(seen[host], slots[host]))})


def start_in(cutover: Cutover, states: States, slots: Mapping[str, str], seen: Mapping[str, Deployment]) -> list[Station]:
    """Start a release that is on every host in each host's slot, and wait until it is fit to serve.

    Nothing starts before the migration, which is the first host's, nor before the old workers that must not work beside it ended.
    """
    release = next(iter(seen.values())).release
    waits = bool(cutover.application.migrate or handover.quiet(cutover, states, slots, release).work)
    begun = {
        host: [
            cutover.progress("start", states[host], release, slot=slots[host]),
            *cutover.made_way(states[host], slots[host]),
            *ports.made_known(seen[host].here, slots[host]),
            *preparation.start(seen[host], slots[host]),
        ]
        for host in slots
    }
    return [
        Station("start", begun, together=waits),
        cutover.gate("gate", release, slots),
        *handover.take_over(cutover, states, slots, release),
    ]


def _migration(seen: Deployment, slot: str) -> command.Run:
    exports = f"export {PROGRAMS}; {containers.exports(seen.application, slot, seen.release)}"
    return command.Run(
        name=f"migrate: {seen.application.migrate}",
        command=f"set -a; . ./.env; set +a; {exports}{seen.application.migrate}",
        user=seen.application.user,
        folder=seen.folder,
        limit_seconds=3600.0,
    )
