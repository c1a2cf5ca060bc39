"""The record that this machine keeps of a lab: what it is made of, so that any later command can go on or clean up."""

from __future__ import annotations

import dataclasses
import hashlib
import ipaddress
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from windlass.errors import LabError
from windlass.lab.description import HostSpec, LabHost
from windlass.lab.folders import cache, write_whole

FIRST_ADDRESS = 10  # .1 is the gateway; the few below the hosts stay free for whatever a test wants to put there


@dataclass(frozen=True, slots=True)
class Record:
    """One lab: whose it is, where its hosts are, and of which layers (lowest first) they are made.

    A host has its part of a layer under its own name; `like` tells of one that has none which other host's part it stands on.
    """

    name: str
    owner: Path
    subnet: str
    base: str
    layers: tuple[str, ...]
    source: str
    npm_registry: str
    npm_is_default: bool
    saving: str = ""
    hosts: tuple[HostSpec, ...] = ()
    numbers: dict[str, int] = field(default_factory=dict)
    like: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return lab_key(self.name, self.owner)

    @property
    def bridge(self) -> str:
        return f"wl-{self.key}"

    @property
    def table(self) -> str:
        return f"windlass_{self.key}"

    @property
    def folder(self) -> Path:
        return cache() / "labs" / self.key

    @property
    def gateway(self) -> str:
        return str(ipaddress.ip_network(self.subnet)[1])

    @property
    def directory(self) -> Path:
        """Where the lab's user finds its key, known hosts and description."""
        return self.owner / self.name

    def below(self, name: str) -> list[Path]:
        """What a host's own layer lies on, the uppermost first; nothing but the base image for one that stands on no layer."""
        found = [cache() / "base" / self.base]
        for layer in self.layers:
            folder = cache() / "layers" / layer
            part = next((folder / each for each in self._names(name) if (folder / each).is_dir()), None)
            if part or not folder.is_dir():  # of a layer that was deleted the mount will complain
                found.insert(0, part or folder)
        return found

    def _names(self, name: str) -> Iterator[str]:
        """Under which a layer may have a host's part; the other host may have begun like a third one."""
        seen: set[str] = set()
        while name and name not in seen:
            yield name
            seen.add(name)
            name = self.like.get(name, "")

    def all_hosts(self) -> list[LabHost]:
        return [self.host(spec.name) for spec in self.hosts]

    def host(self, name: str) -> LabHost:
        spec, number = next(host for host in self.hosts if host.name == name), self.numbers[name]
        return LabHost(
            name=name,
            address=str(ipaddress.ip_network(self.subnet)[FIRST_ADDRESS + number]),
            user=spec.user,
            port=spec.port,
            docker=spec.docker,
            machine=f"w{self.key}h{number}",
            folder=self.folder / name,
        )


def lab_key(name: str, owner: Path) -> str:
    """Six characters that tell this lab from any other on the machine, also from one of the same name elsewhere."""
    return hashlib.sha256(f"{name}\0{owner}".encode()).hexdigest()[:6]


def write(record: Record) -> None:
    """Keep what this machine knows of a lab, whole at once."""
    record.folder.mkdir(parents=True, exist_ok=True)
    write_whole(record.folder / "record.json", json.dumps(dataclasses.asdict(record), default=str, indent=2) + "\n")


def read(name: str, owner: Path) -> Record | None:
    """What this machine knows of a lab; None where there is none of this name and owner."""
    return _read(cache() / "labs" / lab_key(name, owner) / "record.json")


def every() -> list[Record]:
    """All labs that are on this machine, whoever owns them, and whichever version keeps them: what another one knows besides is
    left out."""
    found = [_read(path, others_too=True) for path in sorted((cache() / "labs").glob("*/record.json"))]
    return [record for record in found if record]


def _read(path: Path, *, others_too: bool = False) -> Record | None:
    try:
        values = json.loads(path.read_text())
        return _from(_known(values) if others_too else values)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        hint = "another version of Windlass may have written it: take the lab down with that one"
        raise LabError(f"the record {path} of a lab cannot be read", hint=hint) from error


def _known(values: dict[str, Any]) -> dict[str, Any]:
    """Without what this version has no name for."""
    fields, of_host = ({each.name for each in dataclasses.fields(kind)} for kind in (Record, HostSpec))
    hosts = [{name: value for name, value in host.items() if name in of_host} for host in values["hosts"]]
    return {name: value for name, value in values.items() if name in fields} | {"hosts": hosts}


def _from(values: dict[str, Any]) -> Record:
    hosts = tuple(HostSpec(**{**host, "extra_users": tuple(host["extra_users"])}) for host in values.pop("hosts"))
    return Record(**{**values, "owner": Path(values["owner"]), "layers": tuple(values["layers"])}, hosts=hosts)


def with_hosts(record: Record, hosts: tuple[HostSpec, ...], before: dict[str, int]) -> Record:
    """The record with these hosts: who has a number keeps it and so its address, the rest get the lowest free ones."""
    kept = {host.name: before[host.name] for host in hosts if host.name in before}
    free = iter(sorted(set(range(len(hosts))) - set(kept.values())))
    numbers = {host.name: kept[host.name] if host.name in kept else next(free) for host in hosts}
    return dataclasses.replace(record, hosts=hosts, numbers=numbers)
