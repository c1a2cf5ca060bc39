"""The firewall as it was compiled, and as it is seen: from outside by the controller, and from inside by the other hosts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from windlass import events
from windlass.agent.core import scanner
from windlass.errors import FlowFailed, HostError, UsageError, WindlassError
from windlass.flows.edge.addresses import Known, known_addresses
from windlass.flows.steps import Timer, all_of
from windlass.operations.scan import Addresses, Scan
from windlass.operations.wire import Batch
from windlass.plans.exposure import Difference, Seen, differences
from windlass.plans.firewall import Opening, Wishes, compiled, family

if TYPE_CHECKING:
    from windlass.flows.workspace import Workspace
    from windlass.hosts.many.fleet import Fleet
    from windlass.inventory import Host

ROLE = "firewall"
Blind = list[tuple[str, str]]  # host, and which look at it was not possible


@dataclass(frozen=True, slots=True)
class Ports:
    """What is tried on each address: from this port to that one, so many seconds each."""

    first: int = 1
    last: int = 65535
    limit_seconds: float = 1.5


@dataclass(frozen=True, slots=True)
class Viewers:
    """Who looks: this machine, and the hosts that this pattern means; empty: none of them."""

    here: bool = True
    hosts: str = "all"


@dataclass(frozen=True, slots=True)
class Exposure:
    """One host: what was compiled, what was seen of it from where, and in what the two differ.

    blind  looks that were not possible, each with why
    """

    compiled: tuple[Opening, ...]
    seen: tuple[Seen, ...]
    differences: tuple[Difference, ...]
    blind: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Exposures:
    """All hosts that were looked at."""

    hosts: Mapping[str, Exposure]
    seconds: float

    def error(self) -> WindlassError | None:
        """None when every look was possible and found exactly what was compiled."""
        bad = {name: _said(found) for name, found in self.hosts.items() if found.differences or found.blind}
        if not bad:
            return None
        count = sum(len(found.differences) for found in self.hosts.values())
        blind = [line for found in self.hosts.values() for line in found.blind]
        return FlowFailed(
            f"{count} ports differ from what was compiled" + (f", {len(blind)} looks were not possible" if blind else ""),
            hosts=bad,
            last_lines=blind,
            hint="open: find out who listens there and who opened it; closed: start what should listen, or setup the firewall",
        )


def _said(found: Exposure) -> str:
    words = [f"{each.port} is {each.kind} from {each.viewer or 'outside'}" for each in found.differences]
    return "; ".join(words) or "not seen from everywhere"


def protected(workspace: Workspace, hosts: Iterable[Host]) -> list[Host]:
    """Those of the hosts that have a firewall of ours. Raises UsageError where none has."""
    found = [host for host in hosts if ROLE in workspace.environment.roles_of(host)]
    if not found:
        raise UsageError("none of these hosts has the role firewall", hint="give it to a group: roles: [base, firewall]")
    return found


def compiled_for(workspace: Workspace, hosts: Iterable[Host]) -> dict[str, tuple[Opening, ...]]:
    """What is open on each host that has a firewall, to whom and why. Raises InventoryError."""
    environment = workspace.environment
    return {
        host.name: compiled(workspace.view(host), cast("Wishes", environment.settings(host, ROLE)))
        for host in hosts
        if ROLE in environment.roles_of(host)
    }


def check(
    workspace: Workspace,
    hosts: Sequence[Host],
    *,
    ports: Ports,
    viewers: Viewers = Viewers(),
    listener: events.Listener = events.nobody,
) -> Exposures:
    """Scan the hosts from here and from the environment's hosts, and compare. Only the inventory's hosts are tried.

    Raises HostError when a host that is to be looked at cannot say which addresses it has, UsageError where no host has a firewall.
    """
    doors = compiled_for(workspace, protected(workspace, hosts))
    timer = Timer(listener)
    peers = [host.name for host in workspace.hosts(viewers.hosts)] if viewers.hosts else []
    with workspace.fleet(sorted({*doors, *peers}), listener) as fleet:
        with timer.step("addresses", doors):
            addresses = _addresses(workspace, fleet, doors)
        with timer.step("scan", doors), ThreadPoolExecutor(1) as outside:
            looked = outside.submit(_from_here, workspace, addresses if viewers.here else {}, ports)
            seen, blind = _from_peers(fleet, peers, addresses, ports)
            from_here, blind_here = looked.result()
    found = {name: _exposure(name, doors[name], [*from_here, *seen], [*blind_here, *blind], ports) for name in doors}
    return Exposures(found, round(sum(timer.seconds.values()), 1))


def _exposure(name: str, opened: tuple[Opening, ...], seen: Sequence[Seen], blind: Blind, ports: Ports) -> Exposure:
    """What was not tried is not compared."""
    tried = [each for each in opened if ports.first <= each.port <= ports.last]
    own = tuple(each for each in seen if each.host == name)
    return Exposure(opened, own, differences(tried, own), tuple(line for host, line in blind if host == name))


def _addresses(workspace: Workspace, fleet: Fleet, names: Iterable[str]) -> dict[str, Known]:
    told = all_of(fleet.run_same(names, [Addresses()]))
    return {
        name: known_addresses(workspace.environment.host(name), results[0].data["addresses"], lab=workspace.lab is not None)
        for name, results in told.items()
    }


def _from_here(workspace: Workspace, addresses: Mapping[str, Known], ports: Ports) -> tuple[list[Seen], Blind]:
    """A host behind a jump host is not seen from here: the jump host looks at it."""
    seen, blind = [], []
    for host, known in addresses.items():
        if not known.outside and not workspace.environment.host(host).jump:
            blind.append((host, f"{host} has no address that could be seen from here"))
        for address in known.outside:
            try:
                source = scanner.source_towards(address)
                found = scanner.scan(address, range(ports.first, ports.last + 1), ports.limit_seconds)
            except scanner.Unreachable as error:
                if family(address) == "ip":  # this machine need not have IPv6
                    blind.append((host, f"{address} of {host} from here: {error.strerror}"))
            else:
                seen.append(Seen(host, address, "", source, tuple(found)))
    return seen, blind


def _from_peers(fleet: Fleet, peers: Sequence[str], addresses: Mapping[str, Known], ports: Ports) -> tuple[list[Seen], Blind]:
    owner = {address: host for host, known in addresses.items() for address in known.inside}
    batches = {}
    for viewer in peers:
        others = tuple(address for address, host in owner.items() if host != viewer)
        if others:
            batches[viewer] = Batch(
                (Scan(addresses=others, first=ports.first, last=ports.last, limit_seconds=ports.limit_seconds),)
            )
    seen, blind = [], []
    for viewer, outcome in fleet.run(batches).items():
        if isinstance(outcome, HostError):
            blind += [(host, f"from {viewer}: {outcome.message}") for host in addresses if host != viewer]
            continue
        for scan in outcome[0].data["scans"]:
            host, address = owner[scan["address"]], scan["address"]
            if scan["error"] and family(address) == "ip":
                blind.append((host, f"{address} of {host} from {viewer}: {scan['error']}"))
            elif not scan["error"]:
                seen.append(Seen(host, address, viewer, scan["source"], tuple(scan["open"])))
    return seen, blind
