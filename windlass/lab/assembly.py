"""Put the parts of a lab together on this machine, and take them apart again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from windlass.lab import description, guest, keys, machine, network, surroundings
from windlass.lab.description import HostSpec, Lab
from windlass.lab.folders import Say, give_contents_to_user, make_for_user, remove_tree, write_whole
from windlass.lab.record import Record

AT_ONCE = 32
_Given = TypeVar("_Given")
_Made = TypeVar("_Made")


def at_once(action: Callable[[_Given], _Made], things: Iterable[_Given]) -> list[_Made]:
    """Do it for all things at the same time. Each is done to its end; then the first error, if any, is raised."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(action, list(things)))


def bring_up(record: Record, before: tuple[HostSpec, ...], say: Say) -> Lab:
    """All hosts of the record run and answer: those that did not, or that `before` describes otherwise, are booted."""
    network.ensure_bridge(record.bridge, record.gateway)
    network.ensure_rules(record.table, record.bridge, record.subnet)
    locked_out = not (record.directory / "id_ed25519").exists()
    lab, public_key = _describe(record)
    well = at_once(machine.runs_well, record.all_hosts())
    states = zip(record.hosts, well, strict=True)
    late = [spec.name for spec, runs in states if locked_out or not runs or spec not in before]
    for host in record.all_hosts():
        if host.name not in late:  # it may not know those yet that come now
            guest.introduce(host.folder / "root", host, _addresses(record))
    if late:
        _boot(record, late, public_key, say)
    return lab


def boot_hosts(record: Record, names: list[str], say: Say) -> None:
    """Boot these hosts of the record; one that runs is cut off first."""
    _boot(record, names, _describe(record)[1], say)


def demolish(record: Record) -> None:
    """Nothing of the lab is left on this machine: processes, mounts, links, rules, layers."""
    at_once(machine.discard, record.all_hosts())
    network.remove_links([record.bridge])
    network.remove_rules(record.table)
    remove_tree(record.folder)


def _boot(record: Record, names: list[str], public_key: str, say: Say) -> None:
    say(f"booting {', '.join(names)}")
    network.raise_limits(say)
    if blocker := network.forwarding_blocker():
        say(f"this machine forwards nothing it does not know; if hosts cannot reach the outside, allow them in {blocker}:")
        say(f'    nft \'insert rule {blocker} iifname "wl-*" accept; insert rule {blocker} oifname "wl-*" accept\'')
    shared = _shared(record, public_key)
    specs = {spec.name: spec for spec in record.hosts}

    def start(name: str) -> None:
        host = record.host(name)
        machine.cut_power(host)
        guest.dress(machine.mount(host, record.below(name)), host, specs[name], shared)
        machine.launch(host, record.bridge)
        machine.wait_until_up(host)

    at_once(start, names)


def _shared(record: Record, public_key: str) -> guest.Dress:
    addresses = _addresses(record)
    registry = "" if record.npm_is_default else record.npm_registry
    environment = surroundings.environment(record.subnet, addresses, registry)
    return guest.Dress(record.gateway, addresses, surroundings.resolvers(), environment, public_key)


def _addresses(record: Record) -> dict[str, str]:
    return {host.name: host.address for host in record.all_hosts()}


def _describe(record: Record) -> tuple[Lab, str]:
    """Write the files that the lab's user needs: key, known hosts, description. Also gives the key's public line."""
    directory = record.directory
    make_for_user(directory)
    public_key = keys.ensure_key(directory / "id_ed25519", "windlass-lab")
    known = []
    for host in record.all_hosts():
        host.folder.mkdir(parents=True, exist_ok=True)
        line = keys.ensure_key(host.folder / "ssh_host_ed25519_key", host.name)
        known.append(keys.known_hosts_line(host.address, host.port, line))
    write_whole(directory / "known_hosts", "".join(f"{line}\n" for line in known))
    lab = Lab(
        name=record.name,
        directory=directory,
        subnet=record.subnet,
        gateway=record.gateway,
        hosts={host.name: host for host in record.all_hosts()},
        private_key=directory / "id_ed25519",
        known_hosts=directory / "known_hosts",
        npm_registry=record.npm_registry,
        source=record.source,
    )
    write_whole(directory / "lab.json", description.to_json(lab))
    give_contents_to_user(directory)
    return lab, public_key
