"""`backup.status`: all that is known of backups, seen from their stores and from the notes of this machine."""

from __future__ import annotations

import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.unit.sample_project import run_tasks, write_project
from tests.unit.test_stores import manifest, proof
from windlass.flows.backups.attempts import Attempt, note
from windlass.flows.backups.standing import Standing, standings
from windlass.flows.backups.store_opening import open_store
from windlass.flows.backups.vault import chosen_places
from windlass.flows.workspace import Workspace, open_workspace
from windlass.inventory import Backup
from windlass.report.metrics import Sample, exposition, write_metrics
from windlass.stores.manifest import DUMP, Part
from windlass.tasks.backup_status_words import HELPS, metrics, stood

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
KEY = f"age1{'q' * 58}"
BACKUPS = f"""
stores:
  near: {{directory: near}}
  far: {{s3: {{bucket: acme, access_key: "{{{{ secrets.nobody_has }}}}", secret_key: "{{{{ secrets.nobody_has }}}}"}}}}
secrets: {{nobody_has: }}
backups:
  shop: {{database: shop, host: web1, stores: [near, far], recipients: [{KEY}]}}
  blog: {{database: blog, host: web2, directory: blog, rpo: 7d, proven_within: ""}}
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    write_project(tmp_path)
    (tmp_path / "inventories" / "staging" / "backups.yml").write_text(BACKUPS)
    return open_workspace(tmp_path, "staging")


def place(workspace: Workspace, name: str, store: str = "") -> Backup:
    return chosen_places(workspace.environment, name, store)[0]


def put(workspace: Workspace, entry: Backup, age: timedelta, raw: int, *, proven: bool = False) -> None:
    """A backup that was made so long ago."""
    store = open_store(workspace, entry)
    draft = store.begin(entry.name, f"b{raw}")
    with draft.part(DUMP) as writer:
        writer.write(bytes(raw // 2))
    taken = NOW - age
    parts = {DUMP: Part(sha256="0" * 64, stored_bytes=raw // 2, raw_bytes=raw, seconds=0.5)}
    draft.publish(manifest(draft.id, taken, name=entry.name, parts=parts), "how to restore")
    if proven:
        tried = proof(draft.id, "drill", taken + timedelta(hours=1), passed=True)
        store.add_proof(entry.name, tried.model_copy(update={"rto_minutes": 2.0}))


@pytest.fixture
def found(workspace: Workspace) -> tuple[Standing, ...]:
    """One that is well, one whose runs fail, one whose store cannot be read."""
    shop, blog = place(workspace, "shop"), place(workspace, "blog")
    for number, raw in enumerate((1000, 2000, 2001, 3000)):
        put(workspace, shop, timedelta(hours=81 - 24 * number), raw, proven=number == 2)
    put(workspace, blog, timedelta(days=3), 4000)
    note(workspace, blog, "backup", Attempt(started=NOW, ended=NOW, failed="no room", failing=NOW - timedelta(days=2)))
    return standings(workspace, chosen_places(workspace.environment), NOW)


def test_databases_by_stores_with_what_is_wrong_below(found: tuple[Standing, ...]) -> None:
    outcome = stood(found)
    lines = outcome.text.splitlines()

    assert lines[4].startswith("shop in far: the store cannot be read: ")
    assert [*lines[:4], *lines[5:]] == [
        "     backup  store      age/RPO  size     trend       proven    next due (UTC)",
        "ok   shop    near       9/26 h   1.5 KiB  ▃▆▆█ +50 %  32 h ago  not from here",
        "BAD  shop    far        ?                             ?         not from here",
        "BAD  blog    directory  3/7 d    2.0 KiB              never     not from here",
        "blog: failing since 2026-11-18 12:00 UTC: no room",
    ]
    assert outcome.error is not None
    assert (outcome.error.exit_code, outcome.error.message) == (1, "2 of 3 backups are not as they should be")
    first = outcome.result["backups"][0]
    assert (first["ok"], first["age_seconds"], first["good"], first["rto_seconds"]) == (True, 9 * 3600, 4, 120)
    assert first["size_change"] == pytest.approx(0.5)


def test_what_is_wrong_says_what_to_type(workspace: Workspace) -> None:
    shop = place(workspace, "shop")
    none = stood(standings(workspace, [shop], NOW)).error
    put(workspace, shop, timedelta(hours=1), 2000)
    unproven = stood(standings(workspace, [shop], NOW)).error

    assert none is not None
    assert (none.message, none.hint) == ("1 of 1 backups is not as it should be", "invoke backup makes one now")
    assert unproven is not None
    assert unproven.hint == "invoke backup.drill proves the newest"


def test_figures_for_prometheus_are_written_whole_and_for_everybody(found: tuple[Standing, ...], tmp_path: Path) -> None:
    path = tmp_path / "windlass.prom"
    metrics(found, "staging", path, NOW)
    lines = path.read_text().splitlines()
    near = 'environment="staging",name="shop",store="near"'

    assert f"windlass_backup_age_seconds{{{near}}} 32400" in lines
    assert f"windlass_backup_ok{{{near}}} 1" in lines
    assert f"windlass_backup_proven_age_seconds{{{near}}} {32 * 3600}" in lines
    assert f"windlass_backup_last_success_timestamp_seconds{{{near}}} {int((NOW - timedelta(hours=9)).timestamp())}" in lines
    assert 'windlass_backup_last_attempt_success{environment="staging",name="blog",store="directory"} 0' in lines
    assert not any("age_seconds" in line and 'store="far"' in line for line in lines)
    assert {line.split()[2] for line in lines if line.startswith("# TYPE")} == set(HELPS) - {
        "windlass_backup_next_run_timestamp_seconds"
    }
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [each.name for each in tmp_path.glob("*prom*")] == ["windlass.prom"]


def test_a_file_that_cannot_be_written_leaves_nothing_and_what_is_odd_in_a_label_is_escaped(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(IsADirectoryError):
        write_metrics(tmp_path / "taken", "x 1\n")

    assert os.listdir(tmp_path) == ["taken"]  # noqa: PTH208 - hidden names too
    assert exposition([Sample("x", 1.5, {"a": 'b"\\\n'}), Sample("x", None, {})], {"x": "What."}) == (
        '# HELP x What.\n# TYPE x gauge\nx{a="b\\"\\\\\\n"} 1.5\n'
    )


def test_the_command_fails_when_something_is_beyond_its_limits(workspace: Workspace) -> None:
    entry = place(workspace, "blog")
    store = open_store(workspace, entry)
    draft = store.begin("blog", "b")
    with draft.part(DUMP) as writer:
        writer.write(b"bytes")
    draft.publish(manifest("b", datetime.now(UTC), name="blog"), "how to restore")

    good = run_tasks(workspace.project, "backup.status", "--env", "staging", "--name", "blog", "--json")
    bad = run_tasks(workspace.project, "backup.status", "--env", "staging", "--metrics", str(workspace.project / "w.prom"))

    assert (good.returncode, json.loads(good.stdout)["result"]["backups"][0]["ok"]) == (0, True)
    assert (bad.returncode, "2 of 3 backups are not as they should be" in bad.stderr) == (1, True)
    assert 'windlass_backup_ok{environment="staging",name="blog",store="directory"} 1' in (workspace.project / "w.prom").read_text()
