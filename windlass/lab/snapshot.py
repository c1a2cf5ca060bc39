"""Saved layers: a lab as it was, from which it starts again in seconds. A saved layer is never changed.

Layers are shared: a snapshot, and every lab that grew from it, names the layers it stands on; what nobody names is deleted.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from windlass.errors import LabError
from windlass.lab import record as records
from windlass.lab.description import LabSpec
from windlass.lab.folders import cache, remove_tree, write_whole
from windlass.lab.record import Record


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was saved of a lab. `fingerprint` is the caller's word for what went into it, to tell a stale one.

    `like` is what the record has: which other host's part of a layer one stands on that has none.
    """

    lab: str
    name: str
    fingerprint: str
    created: str
    base: str
    layers: tuple[str, ...]
    subnet: str
    numbers: dict[str, int]
    like: dict[str, str] = field(default_factory=dict)


def every(lab: str) -> dict[str, Snapshot]:
    """The snapshots of labs of this name, by their names."""
    found = (_read(path) for path in sorted(_folder(lab).glob("*.json")))
    return {snapshot.name: snapshot for snapshot in found if _whole(snapshot)}


def of_all() -> list[Snapshot]:
    """The snapshots of all labs."""
    return [each for folder in sorted((cache() / "snapshots").glob("*")) for each in every(folder.name).values()]


def find(lab: str, name: str) -> Snapshot:
    """Raises LabError when there is no such snapshot."""
    snapshots = every(lab)
    if name not in snapshots:
        known = ", ".join(snapshots) or "none"
        raise LabError(f"lab {lab} has no snapshot {name!r}; it has: {known}", hint="boot without it and save one")
    return snapshots[name]


def check_fits(snapshot: Snapshot, spec: LabSpec) -> None:
    """Raises LabError when the snapshot is of other hosts than the specification asks for."""
    wanted = {host.name for host in spec.hosts}
    if wanted != set(snapshot.numbers):
        saved = ", ".join(sorted(snapshot.numbers))
        raise LabError(
            f"snapshot {snapshot.name} of lab {spec.name} holds {saved}, not {', '.join(sorted(wanted))}",
            hint="boot without it and save it again",
        )


def for_others(snapshot: Snapshot, spec: LabSpec, like: Mapping[str, str]) -> Snapshot:
    """The same for other hosts: one that was not saved begins as the saved one that `like` names for it, or else bare.

    Raises LabError when `like` names a host that was not saved, or is about one that was, or that is not wanted.
    """
    wanted = {host.name for host in spec.hosts}
    wrong = [f"{name} as {other}" for name, other in like.items() if name not in wanted - set(snapshot.numbers)]
    wrong += [f"{name} as {other}" for name, other in like.items() if other not in snapshot.numbers]
    if wrong:
        saved = ", ".join(sorted(snapshot.numbers))
        raise LabError(
            f"no host of lab {spec.name} can begin like this with snapshot {snapshot.name}: {', '.join(dict.fromkeys(wrong))}",
            hint=f"it holds {saved}; wanted are {', '.join(sorted(wanted))}",
        )
    numbers = {host.name: number for number, host in enumerate(spec.hosts)}
    return dataclasses.replace(snapshot, numbers=numbers, like={**snapshot.like, **like})


def write(record: Record, name: str, fingerprint: str) -> Snapshot:
    """Name the layers that a lab now stands on."""
    created = dt.datetime.now(tz=dt.UTC).isoformat(timespec="seconds")
    snapshot = Snapshot(
        lab=record.name,
        name=name,
        fingerprint=fingerprint,
        created=created,
        base=record.base,
        layers=record.layers,
        subnet=record.subnet,
        numbers=dict(record.numbers),
        like=dict(record.like),
    )
    folder = _folder(record.name)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / f"{name}.json", json.dumps(dataclasses.asdict(snapshot), indent=2) + "\n")
    return snapshot


def forget(lab: str) -> None:
    """Drop all snapshots of labs of this name; their layers go with the next `collect`."""
    remove_tree(_folder(lab))


def set_aside(record: Record, layer: str) -> Record:
    """Make the hosts' own layers one saved layer; they must be powered off. A kill in between is undone by `mend`."""
    partial = cache() / "layers" / f"{layer}.partial"
    record = dataclasses.replace(record, saving=layer)
    records.write(record)
    partial.mkdir(parents=True)
    for host in record.hosts:
        (record.folder / host.name / "upper").rename(partial / host.name)
        remove_tree(record.folder / host.name / "work")
    os.sync()  # hosts are mounted so that nothing of theirs waits for the disk; what is kept does
    partial.rename(partial.with_suffix(""))
    return mend(record)


def mend(record: Record) -> Record:
    """Finish a save whose layer is whole, or give the hosts their own layers back when it is not."""
    if not record.saving:
        return record
    whole = cache() / "layers" / record.saving
    partial = whole.with_name(f"{whole.name}.partial")
    layers = (*record.layers, record.saving) if whole.exists() else record.layers
    if partial.exists():
        for taken in partial.iterdir():
            taken.rename(record.folder / taken.name / "upper")
        partial.rmdir()
    mended = dataclasses.replace(record, layers=layers, saving="")
    records.write(mended)
    return mended


def collect(*, keep_newest_base: bool = True) -> None:
    """Delete the layers and base images that no lab and no snapshot stands on. The caller holds the lock of the cache."""
    labs = records.every()
    owners: list[Record | Snapshot] = [*labs, *of_all()]
    layers = {layer for owner in owners for layer in owner.layers}
    layers |= {name for lab in labs for name in (lab.saving, f"{lab.saving}.partial")}
    bases = {owner.base for owner in owners}
    images = sorted((cache() / "base").glob("*"), key=lambda path: path.stat().st_mtime)
    bases |= {path.name for path in images[-1:] if keep_newest_base}
    for path in (*images, *(cache() / "layers").glob("*")):
        if path.name not in bases | layers:
            remove_tree(path)


def _folder(lab: str) -> Path:
    return cache() / "snapshots" / lab


def _read(path: Path) -> Snapshot:
    """What another version notes besides is left out: it may be one of its labs."""
    said: dict[str, Any] = json.loads(path.read_text())
    values = {each.name: said[each.name] for each in dataclasses.fields(Snapshot) if each.name in said}
    return Snapshot(**{**values, "layers": tuple(values["layers"])})


def _whole(snapshot: Snapshot) -> bool:
    parts = [cache() / "base" / snapshot.base, *(cache() / "layers" / layer for layer in snapshot.layers)]
    return all(part.is_dir() for part in parts)
