"""Bring a lab up, take it down, save it, say how it is. Each of these can be repeated after any crash."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Mapping
from ipaddress import IPv4Network
from pathlib import Path

from windlass.errors import LabError
from windlass.lab import description, image, machine, network, requirements, snapshot, surroundings
from windlass.lab import record as records
from windlass.lab.assembly import at_once, boot_hosts, bring_up, demolish
from windlass.lab.description import HostStatus, Lab, LabSpec
from windlass.lab.folders import Say, cache, locked, make_for_user, remove_tree
from windlass.lab.record import Record
from windlass.lab.snapshot import Snapshot


def up(spec: LabSpec, *, root: Path, source: str = "", of: str = "", like: Mapping[str, str] | None = None, say: Say) -> Lab:
    """The lab runs as specified, its hosts answering. What runs well is left alone, the rest is booted.

    `root` is the folder of the caller's labs; `source` names a snapshot to start from, one that lab `of` saved if that is
    given: then the hosts get addresses of their own, and what was saved may still name the old ones. If `like` is given, the
    hosts may be others than those that were saved: it tells which of these each begins as, and those it leaves out begin bare.
    Raises LabError when the machine cannot do it, a host does not come up, or the lab runs already and does not stem from `source`.
    """
    requirements.refuse_other_than_root()
    description.check_spec(spec)
    owner = root.absolute()
    with locked(records.lab_key(spec.name, owner), say):
        before = records.read(spec.name, owner)
        saved = snapshot.find(of or spec.name, source) if source else None
        if saved and like is not None:
            saved = snapshot.for_others(saved, spec, like)
        record = _changed(before, spec, saved) if before else _new(spec, owner, saved, say, moved=bool(of))
        return bring_up(record, before.hosts if before else (), say)


def down(name: str, *, root: Path, say: Say, purge: bool = False) -> None:
    """Nothing of the lab is left but its snapshots and the base image; `purge` takes these, too."""
    requirements.refuse_other_than_root()
    description.check_name(name)
    owner = root.absolute()
    with locked(records.lab_key(name, owner), say) as lock:
        if record := records.read(name, owner):
            say(f"taking lab {name} down")
            demolish(record)
        remove_tree(owner / name)
        lock.unlink()
    with locked("cache", say):
        if purge:
            snapshot.forget(name)
        snapshot.collect(keep_newest_base=not purge)


def save(lab: Lab, name: str, *, fingerprint: str = "", say: Say) -> Snapshot:
    """Power the hosts off cleanly, set their layers aside as snapshot `name`, and boot them again on top of it."""
    requirements.refuse_other_than_root()
    description.check_name(name)
    with locked(records.lab_key(lab.name, lab.directory.parent), say):
        record = snapshot.mend(_existing(lab.name, lab.directory.parent))
        say(f"saving lab {lab.name} as {name}")
        at_once(machine.power_off, record.all_hosts())
        record = snapshot.set_aside(record, secrets.token_hex(6))
        saved = snapshot.write(record, name, fingerprint)
        record = dataclasses.replace(record, source=name)
        records.write(record)
        with locked("cache", say):
            snapshot.collect()
        bring_up(record, record.hosts, say)
        return saved


def load(name: str, *, root: Path) -> Lab:
    """The lab as its last `up` described it. Raises LabError when there is none."""
    description.check_name(name)
    path = root.absolute() / name / "lab.json"
    try:
        return description.from_json(path.read_text())
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LabError(f"there is no lab {name}: {path} cannot be read", hint=f"invoke lab.up --env {name} boots it") from error


def status(name: str, *, root: Path) -> tuple[Lab, dict[str, HostStatus]]:
    """The lab and how each of its hosts is now. Raises LabError when there is no such lab."""
    lab = load(name, root=root)
    found = at_once(machine.status, lab.hosts.values())
    return lab, {host.name: host for host in found}


def list_labs(root: Path) -> list[str]:
    """The names of the labs in a folder of labs."""
    return sorted(path.parent.name for path in root.absolute().glob("*/lab.json"))


def snapshots(name: str) -> dict[str, Snapshot]:
    """The saved states of labs of this name that can be started from."""
    return snapshot.every(name)


def saved_as(fingerprint: str) -> Snapshot | None:
    """What some lab saved with this fingerprint, on the base image of now: `up(…, source=found.name, of=found.lab)`."""
    wanted = (fingerprint, image.fingerprint())
    found = (each for each in snapshot.of_all() if (each.fingerprint, each.base) == wanted)
    return max(found, key=lambda each: each.created, default=None)


def boot(lab: Lab, host: str, *, say: Say) -> None:
    """Power one host of the lab on (again); if it runs, it is cut off first, as by a reset button."""
    with locked(records.lab_key(lab.name, lab.directory.parent), say):
        record = _existing(lab.name, lab.directory.parent)
        boot_hosts(record, [host], say)


def reboot(lab: Lab, host: str, *, say: Say) -> None:
    """Shut one host down cleanly and power it on again."""
    machine.power_off(lab.hosts[host])
    boot(lab, host, say=say)


def _new(spec: LabSpec, owner: Path, saved: Snapshot | None, say: Say, *, moved: bool) -> Record:
    """The record of a lab that was not there: a base image or a snapshot to stand on, and a subnet of its own."""
    if saved:
        snapshot.check_fits(saved, spec)
    requirements.refuse_unfit_machine()
    surroundings.refuse_deaf_machine()
    registry, is_default = surroundings.npm_registry()
    make_for_user(owner / spec.name)
    with locked("cache", say):
        _sweep(say)
        subnet = _subnet(spec.name, None if moved else saved)
        base, layers = (saved.base, saved.layers) if saved else (image.ensure(say), ())
        record = Record(spec.name, owner, str(subnet), base, layers, saved.name if saved else "", registry, is_default)
        record = dataclasses.replace(record, like=dict(saved.like) if saved else {})
        record = records.with_hosts(record, spec.hosts, saved.numbers if saved else {})
        records.write(record)
    return record


def _changed(record: Record, spec: LabSpec, saved: Snapshot | None) -> Record:
    """The record of a lab that is there, with the hosts that are wanted now; hosts that are not are discarded."""
    record = snapshot.mend(record)
    if saved and (saved.layers, saved.like) != (record.layers, record.like):
        raise LabError(f"lab {spec.name} is up and does not stem from snapshot {saved.name}", hint="take it down first")
    if not (cache() / "base" / record.base).is_dir():
        raise LabError(f"the base image under lab {spec.name} was deleted", hint="take the lab down, then up again")
    wanted = {host.name for host in spec.hosts}
    at_once(machine.discard, [host for host in record.all_hosts() if host.name not in wanted])
    record = records.with_hosts(record, spec.hosts, record.numbers)
    records.write(record)
    return record


def _subnet(name: str, saved: Snapshot | None) -> IPv4Network:
    """A snapshot keeps its addresses, because what was saved names them."""
    others = {IPv4Network(record.subnet): record for record in records.every()}
    taken = [*others, *network.routed()]
    if not saved:
        return network.choose_subnet(name, taken)
    subnet = IPv4Network(saved.subnet)
    if any(subnet.overlaps(other) for other in taken):
        holder = others[subnet].owner / others[subnet].name if subnet in others else "a route of this machine"
        raise LabError(
            f"snapshot {saved.name} of lab {name} needs the subnet {subnet}, which {holder} has",
            hint="take that lab down, or boot without the snapshot",
        )
    return subnet


def _existing(name: str, owner: Path) -> Record:
    record = records.read(name, owner)
    if not record:
        raise LabError(f"there is no lab {name} of {owner}", hint="`invoke lab.up` boots it")
    return record


def _sweep(say: Say) -> None:
    """Take down the labs whose folder was deleted: nobody can reach or end them any more."""
    for record in records.every():
        if not (record.owner / record.name).exists():
            say(f"clearing away lab {record.name}, whose folder {record.owner} is gone")
            demolish(record)
