"""Proving backups on a real host."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

from tests.lab.backups.place import INVENTORY, LEFT, Place, state
from tests.waiting import until
from windlass.errors import BackupError, RefusedError
from windlass.flows.backups.holdings import verify
from windlass.plans.restoration import Wish
from windlass.stores.signature import SIGNATURE, Signatures

pytestmark = pytest.mark.lab


def test_a_drill_proves_measures_and_leaves_nothing(place: Place) -> None:
    backed = place.backup()
    before = state(place)

    proof = place.drill(backed.id).proof
    stored = place.stored(backed.id)

    assert (proof.passed, proof.rows, proof.tables) == (True, backed.rows, backed.tables)
    assert proof.smoke == (("select count(*) > 0 from people", "true"),)
    assert set(proof.seconds) == {"fetch", "start", "restore", "amcheck", "check"}
    assert 0 < (sum(proof.seconds.values()) - proof.seconds["amcheck"]) / 60 <= proof.rto_minutes + 0.001
    assert stored.proven
    assert stored.drill == proof
    assert place.shell(LEFT) == ""
    assert state(place) == before


def test_a_backup_that_is_not_what_it_should_be_fails_its_drill_and_says_where(place: Place) -> None:
    backed = place.backup()
    path = Path(backed.place) / "manifest.json"
    path.write_text(path.read_text().replace('"public.people": 1000', '"public.people": 1001'))
    path.with_name(SIGNATURE).write_bytes(Signatures(place.project / ".windlass" / "keys").sign(path.read_bytes())[SIGNATURE])
    strict = place.entry().model_copy(update={"smoke": ("select false", "select * from nowhere")})

    with pytest.raises(BackupError, match=r"public\.people has 1000 rows instead of 1001") as caught:
        place.drill(backed.id, strict)
    stored = place.stored(backed.id)

    assert caught.value.last_lines[1] == "select false: f"
    assert 'relation "nowhere" does not exist' in caught.value.last_lines[2]
    assert stored.drill is not None
    assert (stored.drill.passed, stored.proven) == (False, False)
    assert place.shell(LEFT) == ""


def test_a_manifest_that_was_changed_afterwards_is_neither_drilled_nor_restored_nor_verified(place: Place) -> None:
    backed = place.backup()
    path = Path(backed.place) / "manifest.json"
    path.write_text(path.read_text().replace('"public.people": 1000', '"public.people": 1001'))
    before = state(place)
    try:
        for attempt in (place.drill, lambda: place.restore(Wish()), lambda: verify(place.workspace, place.entry(), backed.id)):
            with pytest.raises(RefusedError, match=f"{backed.id}: its signature does not fit: the manifest was changed"):
                attempt()
        listed = place.command("backup.list", "--name", "tickets", "--check")
        out, told = listed.communicate(timeout=300)
    finally:
        shutil.rmtree(path.parent)

    assert state(place) == before
    assert (listed.returncode, "its signature does not fit" in out + told) == (0, True)
    assert "GOES" not in out


def test_a_drill_whose_controller_is_killed_leaves_no_server(place: Place) -> None:
    backed = place.backup()
    slow = "select pg_sleep(600) is null"
    (place.project / "inventories" / "vault" / "hosts.yml").write_text(
        INVENTORY.replace("smoke: [select count(*) > 0 from people]", f"smoke: [{slow}]")
    )
    try:
        command = place.command("backup.drill", "--name", "tickets")
        until(lambda: place.shell("pgrep -f '[p]g_sleep.600' || true"))
    finally:
        (place.project / "inventories" / "vault" / "hosts.yml").write_text(INVENTORY)
    os.killpg(command.pid, signal.SIGKILL)
    command.communicate(timeout=300)

    until(lambda: place.shell(LEFT) == "")
    assert place.stored(backed.id).drill is None


def test_what_a_dead_drill_left_is_cleared_away_by_the_next_one(place: Place) -> None:
    backed = place.backup()
    left = "/var/lib/windlass/drill/left"
    place.shell(
        f"mkdir -p {left} && touch {left}/lock && chown -R postgres {left} && cd / && "
        f"su postgres -c '/usr/lib/postgresql/15/bin/initdb -N -D {left}/data >/dev/null && "
        f'/usr/lib/postgresql/15/bin/pg_ctl -w -D {left}/data -o "-k {left} -c listen_addresses=" -l {left}/log start >/dev/null\''
    )
    there = place.shell(f"pgrep -f '[p]ostgres -D {left}'")

    place.drill(backed.id)

    assert there
    assert place.shell(LEFT) == ""
