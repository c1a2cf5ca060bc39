"""Grades every https listener: each address of each host that serves a site, by each of its names."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol, cast

from windlass import events
from windlass.errors import CertificateError, HostError
from windlass.flows.edge.addresses import known_addresses, numbers
from windlass.flows.edge.tls_answers import answers, redirect, unknown_path
from windlass.flows.edge.tls_scanner import handshakes, program
from windlass.flows.edge.tls_state import Installed, on_disk, served_at
from windlass.flows.steps import Timer
from windlass.operations.scan import Addresses
from windlass.operations.wire import Batch
from windlass.plans.certificates import Certificate
from windlass.plans.grade import Grade, Measured, grade
from windlass.values import counted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from windlass.flows.workspace import Workspace
    from windlass.hosts.agent.results import Result
    from windlass.hosts.many.fleet import Fleet
    from windlass.inventory import Host

ROLE = "certificates"
AT_ONCE = 4  # listeners; more of them only make a small server slow to answer


class Wishes(Protocol):
    """The settings of the role certificates that count here."""

    @property
    def directory_authority(self) -> str: ...
    @property
    def grade_paths(self) -> Mapping[str, tuple[str, ...]]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    """One listener. Without `measured` there was no handshake at all, and `why` says so."""

    certificate: str
    host: str
    address: str
    name: str
    measured: Measured | None = None
    grade: Grade | None = None
    why: str = ""

    def is_at_least(self, letter: str) -> bool:
        return self.grade is not None and self.grade.at_least(letter)

    @property
    def where(self) -> str:
        return f"{self.name} at {self.address} ({self.host})"


@dataclass(frozen=True, slots=True)
class _Listener:
    certificate: Certificate
    host: Host
    address: str
    name: str
    wishes: Wishes
    on_disk: str | None


@dataclass(frozen=True, slots=True)
class _Tool:
    python: Path
    recommended: str


def grades(workspace: Workspace, wanted: Sequence[Certificate], *, listener: events.Listener = events.nobody) -> tuple[Graded, ...]:
    """Look at every listener and grade it. A host that cannot be reached by SSH is graded by its inventory's address.

    Raises WindlassError where the scanner cannot be installed.
    """
    timer = Timer(listener)
    view = workspace.view(wanted[0].issuer)
    with timer.step("scanner"):
        tool = _Tool(program(view.template("certificates/sslyze.txt")), view.template("certificates/recommended.json"))
    hosts = tuple({host.name: host for each in wanted for host in each.hosts}.values())
    with timer.step("disks and addresses", [host.name for host in hosts]), workspace.fleet(hosts, listener) as fleet:
        listeners = _listeners(workspace, fleet, wanted)
    with timer.step("look", [host.name for host in hosts]), ThreadPoolExecutor(AT_ONCE) as pool:
        return tuple(pool.map(lambda each: _graded(each, tool), listeners))


def error_of(found: Sequence[Graded], at_least: str) -> CertificateError | None:
    """None if every listener is as good as wanted."""
    worse = [each for each in found if not each.is_at_least(at_least)]
    if not worse:
        return None
    lines = [f"{each.where}: {each.grade.letter if each.grade else each.why}" for each in worse]
    return CertificateError(
        f"{len(worse)} of {counted(len(found), 'listener')} {'is' if len(worse) == 1 else 'are'} not {at_least}",
        last_lines=lines,
        hint="each reason says what stands in the way; --at-least A, for instance, asks for less",
    )


def _listeners(workspace: Workspace, fleet: Fleet, wanted: Sequence[Certificate]) -> list[_Listener]:
    hosts = {host.name: host for each in wanted for host in each.hosts}
    told = fleet.run(dict.fromkeys(hosts, Batch((Addresses(),))))
    reached = {name: _outside(workspace, hosts[name], told[name]) for name in hosts}
    found = []
    for each in wanted:
        disks = on_disk(fleet, each)
        for host in each.hosts:
            disk = disks[host.name]
            fingerprint = disk.fingerprint if isinstance(disk, Installed) else None
            wishes = cast("Wishes", workspace.environment.settings(host, ROLE))
            found += [
                _Listener(each, host, address, name, wishes, fingerprint) for address in reached[host.name] for name in each.domains
            ]
    return found


def _outside(workspace: Workspace, host: Host, told: Sequence[Result] | HostError) -> tuple[str, ...]:
    """Where the public reaches a host; a jump host is our way in, and not theirs."""
    own = [] if isinstance(told, HostError) else told[0].data["addresses"]
    return tuple(dict.fromkeys([*numbers(host.address), *known_addresses(host, own, lab=workspace.lab is not None).outside]))


def _graded(listener: _Listener, tool: _Tool) -> Graded:
    place = Graded(certificate=listener.certificate.name, host=listener.host.name, address=listener.address, name=listener.name)
    try:
        measured = _measured(listener, tool)
    except CertificateError as error:
        return replace(place, why=error.message.removeprefix(f"{place.name} at {place.address}: "))
    return replace(place, measured=measured, grade=grade(measured, datetime.now(UTC)))


def _measured(listener: _Listener, tool: _Tool) -> Measured:
    address, name, wishes = listener.address, listener.name, listener.wishes
    page = f"{unknown_path()}?page=1"
    return Measured(
        name=name,
        handshakes=handshakes(tool.python, tool.recommended, wishes.directory_authority, address, name),
        answers=answers(address, name, wishes.grade_paths.get(listener.certificate.name, ())),
        unknown=_given(served_at(address, f"windlass-{secrets.token_hex(8)}.invalid")),
        unnamed=_given(served_at(address, None)),
        redirected=page,
        redirect=redirect(address, name, page),
        on_disk=listener.on_disk,
    )


def _given(answer: str) -> str:
    return "" if answer.startswith("no answer") else answer
