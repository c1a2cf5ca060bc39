"""Saved layers: a save that was killed is finished or undone, and only what nobody stands on is deleted."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from windlass.errors import LabError
from windlass.lab import image, laboratory, snapshot
from windlass.lab import record as records
from windlass.lab.description import HostSpec, LabSpec
from windlass.lab.record import Record

HOSTS = (HostSpec("app1"), HostSpec("db1"))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WINDLASS_LAB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def record(cache: Path, tmp_path: Path) -> Record:
    """A lab whose hosts are powered off, each with a file in its own layer."""
    bare = Record("try", tmp_path / "labs", "198.51.100.0/24", "b1", (), "", "", npm_is_default=True)
    made = records.with_hosts(bare, HOSTS, {})
    records.write(made)
    (cache / "base/b1").mkdir(parents=True)
    for host in HOSTS:
        (made.folder / host.name / "upper").mkdir(parents=True)
        (made.folder / host.name / "work").mkdir()
        (made.folder / host.name / "upper/file").write_text(host.name)
    return made


def own_layers(record: Record) -> list[str]:
    return sorted(path.read_text() for path in record.folder.glob("*/upper/file"))


def test_set_aside_moves_every_own_layer_into_one_saved_layer(cache: Path, record: Record) -> None:
    after = snapshot.set_aside(record, "l1")

    assert (after.layers, after.saving, own_layers(after)) == (("l1",), "", [])
    assert (cache / "layers/l1/app1/file").read_text() == "app1"
    assert records.read(record.name, record.owner) == after


def test_a_save_killed_half_way_is_undone(cache: Path, record: Record) -> None:
    (cache / "layers/l1.partial").mkdir(parents=True)
    (record.folder / "app1/upper").rename(cache / "layers/l1.partial/app1")

    after = snapshot.mend(replace(record, saving="l1"))

    assert (after, own_layers(after)) == (record, ["app1", "db1"])
    assert list((cache / "layers").iterdir()) == []


def test_a_save_killed_after_its_layer_was_whole_is_finished(cache: Path, record: Record) -> None:
    snapshot.set_aside(record, "l1")

    after = snapshot.mend(replace(record, saving="l1"))

    assert (after.layers, after.saving) == (("l1",), "")
    assert records.read(record.name, record.owner) == after


def test_snapshots_are_read_back_and_incomplete_ones_are_not_offered(cache: Path, record: Record) -> None:
    after = snapshot.set_aside(record, "l1")
    saved = snapshot.write(after, "setup", "mark")
    snapshot.write(replace(after, layers=("l1", "lost")), "broken", "mark")

    assert snapshot.every("try") == {"setup": saved}
    assert (saved.fingerprint, saved.numbers, saved.layers) == ("mark", {"app1": 0, "db1": 1}, ("l1",))
    with pytest.raises(LabError, match="has no snapshot 'broken'; it has: setup"):
        snapshot.find("try", "broken")


def test_a_snapshot_of_other_hosts_does_not_fit(record: Record) -> None:
    saved = snapshot.write(snapshot.set_aside(record, "l1"), "setup", "")

    snapshot.check_fits(saved, LabSpec("try", HOSTS[::-1]))
    with pytest.raises(LabError, match="holds app1, db1, not app1, web1"):
        snapshot.check_fits(saved, LabSpec("try", (HOSTS[0], HostSpec("web1"))))


def test_hosts_of_other_names_begin_as_saved_ones_or_bare(cache: Path, record: Record) -> None:
    saved = snapshot.write(snapshot.set_aside(record, "l1"), "setup", "")
    spec = LabSpec("other", (HostSpec("app2"), HostSpec("app3"), HostSpec("bare")))
    fitting = snapshot.for_others(saved, spec, {"app2": "app1", "app3": "app1"})
    snapshot.check_fits(fitting, spec)
    begun = replace(record, name="other", layers=fitting.layers, like=fitting.like)
    for path in (cache / "layers/l2/app2", cache / "layers/l3/app9"):
        path.mkdir(parents=True)
    later = replace(begun, layers=("l1", "l2", "l3"), like={**begun.like, "app9": "app2"})

    bare = [cache / "base/b1"]
    assert begun.below("app2") == begun.below("app3") == [cache / "layers/l1/app1", *bare]
    assert begun.below("bare") == bare
    assert later.below("app9") == [cache / "layers/l3/app9", cache / "layers/l2/app2", cache / "layers/l1/app1", *bare]
    assert snapshot.write(later, "later", "").like == {"app2": "app1", "app3": "app1", "app9": "app2"}
    lost = replace(begun, layers=("l1", "lost"))
    assert lost.below("bare") == [cache / "layers/lost", *bare], "no host goes on without what is lost"


@pytest.mark.parametrize("like", [{"app2": "web1"}, {"app1": "db1"}, {"app9": "app1"}])
def test_a_host_begins_as_none_that_was_not_saved_nor_in_place_of_one_that_was(like: dict[str, str], record: Record) -> None:
    saved = snapshot.write(snapshot.set_aside(record, "l1"), "setup", "")
    ((name, other),) = like.items()

    with pytest.raises(LabError, match=f"can begin like this with snapshot setup: {name} as {other}") as caught:
        snapshot.for_others(saved, LabSpec("other", (HostSpec("app1"), HostSpec("app2"))), like)

    assert caught.value.hint == "it holds app1, db1; wanted are app1, app2"


def test_only_layers_and_images_that_nobody_stands_on_are_collected(cache: Path, record: Record) -> None:
    snapshot.write(snapshot.set_aside(record, "l1"), "setup", "")
    for name in ("base/b0", "layers/l0", "layers/l2", "layers/l3.partial"):
        (cache / name).mkdir(parents=True)
    records.write(replace(record, layers=("l1", "l2"), saving="l3"))

    snapshot.collect(keep_newest_base=False)

    left = sorted(path.name for path in [*(cache / "layers").iterdir(), *(cache / "base").iterdir()])
    assert left == ["b1", "l1", "l2", "l3.partial"]


def test_the_newest_image_outlives_its_last_lab(cache: Path, record: Record) -> None:
    shutil.rmtree(record.folder)

    snapshot.collect()
    kept = [path.name for path in (cache / "base").iterdir()]
    snapshot.collect(keep_newest_base=False)

    assert (kept, list((cache / "base").iterdir())) == (["b1"], [])


def test_snapshots_of_all_labs_are_found_by_what_went_into_them(cache: Path, record: Record) -> None:
    now = replace(record, base=image.fingerprint())
    (cache / "base" / now.base).mkdir()
    snapshot.write(now, "setup", "one")
    snapshot.write(replace(now, name="other"), "setup", "two")
    snapshot.write(replace(record, name="third"), "setup", "three")

    found = laboratory.saved_as("two")

    assert found is not None
    assert (found.lab, found.name) == ("other", "setup")
    assert laboratory.saved_as("three") is None, "it stands on another base image than a new lab would"
    assert laboratory.saved_as("four") is None


def test_a_lab_of_another_version_is_known_to_be_there_and_left_to_that_version(record: Record) -> None:
    path = record.folder / "record.json"
    values = json.loads(path.read_text())
    values["hosts"][0]["colour"] = "blue"
    path.write_text(json.dumps(values | {"like": {}}))

    assert records.every() == [record]
    with pytest.raises(LabError, match="cannot be read"):
        records.read(record.name, record.owner)


def test_what_another_version_notes_of_a_snapshot_besides_is_left_out(cache: Path, record: Record) -> None:
    snapshot.write(record, "setup", "one")
    (path,) = (cache / "snapshots").glob("*/setup.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"like": {}}))

    assert [(each.lab, each.name) for each in snapshot.of_all()] == [(record.name, "setup")]
