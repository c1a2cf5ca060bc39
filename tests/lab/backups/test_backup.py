"""Making backups on a real host, and everything that may go wrong with that."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import stat
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from tests.lab.backups.place import LEFT, ROWS, Place, background, failing_backup, hung_up, locked_table, patient, state
from tests.waiting import until
from windlass import lab
from windlass.errors import BackupError, OperationFailed, RefusedError
from windlass.flows.backups.backup import BackedUp, backup
from windlass.flows.backups.holdings import holding, verify
from windlass.inventory import Keep
from windlass.operations.database import Dump, VerifyDump
from windlass.operations.operation import LocalFile
from windlass.operations.wire import Batch
from windlass.plans.restoration import Wish
from windlass.stores.manifest import DUMP
from windlass.testing.lab import shell

pytestmark = pytest.mark.lab


def entries(place: Place) -> list[str]:
    """All names in the folder of the backups, drafts included."""
    return sorted(path.name for path in (place.store / "tickets").iterdir())


def test_a_backup_is_whole_private_and_described(place: Place) -> None:
    done = place.backup()
    folder = Path(done.place)
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    manifest = place.stored(done.id).manifest

    assert files == dict.fromkeys(
        ["RESTORE.md", "dump.zst", "globals.sql.zst", "manifest.json", "manifest.json.sig", "signer.pem"], 0o600
    )
    assert not (folder.parent / f".partial-{done.id}").exists()
    assert hashlib.sha256((folder / DUMP).read_bytes()).hexdigest() == manifest.dump.sha256
    assert manifest.dump.stored_bytes == (folder / DUMP).stat().st_size
    assert manifest.tables['public."Tickets"'] == ROWS
    assert manifest.tables["archive.old"] == 0
    assert (manifest.source["owner"], manifest.source["roles"]) == ("tickets", ["postgres", "reader", "tickets"])
    assert manifest.verified_at is not None
    assert place.shell(LEFT) == ""


def test_rows_are_counted_in_the_very_snapshot_that_is_dumped(place: Place) -> None:
    writer = "while psql -q tickets -c 'INSERT INTO written DEFAULT VALUES'; do :; done"
    with background(place, writer):
        until(lambda: int(place.sql("SELECT count(*) FROM written")) > 2)
        done = place.backup()
        now = int(place.sql("SELECT count(*) FROM written"))
        until(lambda: int(place.sql("SELECT count(*) FROM written")) > now)

    proof = place.drill(done.id).proof

    assert 2 < place.stored(done.id).manifest.tables["public.written"] <= now
    assert (proof.passed, proof.differences) == (True, ())


def test_what_stands_beside_a_backup_restores_it_without_windlass(place: Place) -> None:
    done = place.backup()
    blocks = dict(re.findall(r"```sh (\w+)\n(.*?)```", (Path(done.place) / "RESTORE.md").read_text(), re.DOTALL))
    place.shell("rm -rf /tmp/alone && mkdir /tmp/alone")
    for name in (DUMP, "globals.sql.zst", "manifest.json", "manifest.json.sig", "signer.pem"):
        shell(place.machine, f"cat >/tmp/alone/{name}", given=(Path(done.place) / name).read_bytes())
    place.shell("chown -R postgres /tmp/alone")

    def typed(block: str) -> str:
        return place.shell(f"cd /tmp/alone && su postgres -s /bin/bash <<'TYPED' 2>&1\nset -o pipefail\n{blocks[block]}\nTYPED")

    told = [typed("check"), typed("roles"), typed("restore"), typed("signature")]
    rows = place.sql('SELECT count(*) FROM public."Tickets"', "tickets_restored")
    owner = place.sql("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'tickets_restored'")
    place.sql("DROP DATABASE tickets_restored")

    assert told[0] == f"{DUMP}: OK"
    assert 'role "postgres" already exists' in told[1]
    assert (rows, owner) == (str(ROWS), "tickets")
    assert told[3] == "Signature Verified Successfully"


def test_a_dump_that_was_cut_off_is_not_passed_although_its_list_is(place: Place, tmp_path: Path) -> None:
    done = place.backup()
    plain = subprocess.run(["zstd", "-dc", f"{done.place}/{DUMP}"], capture_output=True, check=True).stdout
    path = tmp_path / DUMP
    path.write_bytes(subprocess.run(["zstd", "-qc"], input=plain[: len(plain) // 2], capture_output=True, check=True).stdout)
    shell(place.machine, "cat >/tmp/cut", given=path.read_bytes())
    channel = place.channel()

    place.shell("zstd -qdc /tmp/cut | pg_restore --list >/dev/null")  # the usual check sees nothing
    with pytest.raises(OperationFailed, match="pg_restore ended with status 1") as caught:
        channel.run(Batch((VerifyDump(content=LocalFile.of(path)),)))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(OperationFailed, match="zstd ended with status 1"):
        channel.run(Batch((VerifyDump(content=LocalFile.of(path)),)))
    channel.close()

    assert "end of file" in " ".join(caught.value.last_lines)
    assert place.shell(LEFT) == ""


def test_bytes_that_changed_are_found_and_never_restored(place: Place) -> None:
    good, bad = place.backup(), place.backup()
    path = Path(bad.place) / DUMP
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    before = state(place)

    with pytest.raises(OperationFailed, match=r"arrived damaged|zstd ended"):
        place.restore(Wish(), bad.id)
    with pytest.raises(BackupError, match=f"{bad.id} is damaged"):
        verify(place.workspace, place.entry(), bad.id)
    with pytest.raises(RefusedError, match="is not good"):
        place.restore(Wish(), bad.id)

    assert verify(place.workspace, place.entry(), good.id).raw_bytes == good.raw_bytes
    assert not place.stored(bad.id).verified
    assert state(place) == before
    newest = holding(place.workspace, place.entry()).newest
    assert newest is not None
    assert newest.id != bad.id


def test_pg_dump_killed_half_way_fails_the_dump(place: Place) -> None:
    channel = place.channel()
    killed: list[str] = []

    def kill_at_first(_stream: int, _chunk: bytes) -> None:
        if not killed:  # it waits for us to take the rest
            killed.append(place.shell("pgrep -x pg_dump && kill -9 $(pgrep -x pg_dump)"))

    with pytest.raises(OperationFailed, match="pg_dump was ended by signal 9"):
        channel.run(Batch((Dump(database="noise"),)), sink=kill_at_first)
    channel.close()

    assert len(killed) == 1
    assert place.shell(LEFT) == ""


def test_a_big_dump_takes_no_memory_on_the_way(place: Place) -> None:
    channel = place.channel()
    highest: list[int] = []
    size = 0

    def measure(_stream: int, chunk: bytes) -> None:
        nonlocal size
        size += len(chunk)
        if size > 40_000_000 and not highest:
            agent = "ps -o ppid= -p $(pgrep -x pg_dump)"
            highest.append(int(place.shell(f"awk '/VmHWM/ {{print $2}}' /proc/$({agent} | tr -d ' ')/status")))

    (result,) = channel.run(Batch((Dump(database="noise"),)), sink=measure)
    channel.close()

    assert result.data["raw_bytes"] > 90_000_000
    assert highest[0] < 60_000, "KiB"


# In place of zstd: when some megabytes have passed it waits.
HALF_WAY = """#!/bin/bash
case "$*" in *-T0*) ;; *) exec /usr/bin/zstd.away "$@" ;; esac
{ dd bs=1M count=20 iflag=fullblock status=none; touch /tmp/half; until test -e /tmp/go; do sleep 0.1; done; cat; } |
exec /usr/bin/zstd.away "$@"
"""


def test_a_line_that_breaks_while_a_dump_comes_is_taken_up_again(place: Place) -> None:
    heard: list[object] = []
    done: list[BackedUp] = []
    thread = threading.Thread(target=lambda: done.append(backup(patient(place.workspace), place.entry("noise"), heard.append)))
    place.shell("mv /usr/bin/zstd /usr/bin/zstd.away; rm -f /tmp/half /tmp/go")
    shell(place.machine, "cat >/usr/bin/zstd; chmod 755 /usr/bin/zstd", given=HALF_WAY.encode())
    try:
        thread.start()
        until(lambda: place.shell("ls /tmp/half || true"))
        hung_up(place)
    finally:
        place.shell("touch /tmp/go; mv /usr/bin/zstd.away /usr/bin/zstd")
        thread.join()

    (made,) = done
    assert "attached again after" in str(heard)
    assert made.raw_bytes > 48_000_000
    assert verify(place.workspace, place.entry("noise"), made.id).decoded
    assert place.shell(LEFT) == ""


def test_a_host_that_loses_its_power_publishes_nothing_and_is_backed_up_when_it_is_there_again(place: Place) -> None:
    place.backup()
    before = entries(place)

    def lose_power() -> None:
        assert place.workspace.lab
        lab.cut_power(place.machine)
        lab.boot(place.workspace.lab, "backup", say=lambda _line: None)
        until(lambda: place.shell("su postgres -c 'psql -c \"select 1\"' 2>/dev/null || true"))

    errors = failing_backup(place, lose_power)

    assert "its agent is gone" in errors[0].message
    assert "run the same again" in errors[0].hint
    assert entries(place) == before
    assert place.backup().id not in before


def test_a_full_disk_publishes_nothing_and_leaves_nothing(place: Place) -> None:
    place.backup()
    folder = place.store / "noise"
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], check=True)
    try:
        with pytest.raises(BackupError, match="No space left on device") as caught:
            place.backup("noise")
        left = list(folder.iterdir())
    finally:
        subprocess.run(["umount", folder], check=True)

    assert "make room" in caught.value.hint
    assert left == []
    until(lambda: place.shell(LEFT) == "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "killed"])
def test_a_controller_that_goes_leaves_no_process_and_no_backup(place: Place, number: signal.Signals) -> None:
    place.backup()
    before = [each.id for each in holding(place.workspace, place.entry()).backups]
    drafts = set(entries(place)) - set(before)

    with locked_table(place):
        command = place.command("backup.run", "--name", "tickets")
        until(lambda: place.shell("pgrep -x pg_dump || true"))
        os.killpg(command.pid, number)
        _out, told = command.communicate(timeout=300)
        until(lambda: place.shell(LEFT) == "")

    assert command.returncode == (130 if number == signal.SIGINT else -number)
    assert ("interrupted" in told) == (number == signal.SIGINT)
    assert [each.id for each in holding(place.workspace, place.entry()).backups] == before
    assert len(set(entries(place)) - set(before) - drafts) == (0 if number == signal.SIGINT else 1)  # swept a day later
    assert place.backup().id not in before  # and the lock is free


def test_two_backups_of_one_database_never_overlap(place: Place) -> None:
    with locked_table(place):
        first = place.command("backup", "--name", "tickets")
        until(lambda: place.shell("pgrep -x pg_dump || true"))
        second = place.command("backup", "--name", "tickets", "--json")
        out, _told = second.communicate(timeout=300)
    first.communicate(timeout=300)

    assert (first.returncode, second.returncode) == (0, 4)
    assert "backup-tickets is locked by" in json.loads(out)["error"]["message"]


def test_old_backups_go_only_after_a_good_one(place: Place) -> None:
    for _round in range(3):
        last = place.backup()
    few = replace(
        place.workspace.environment,
        backups={"tickets": place.entry().model_copy(update={"keep": Keep(last=2, daily=0, weekly=0, monthly=0)})},
    )
    narrow = replace(place, workspace=replace(place.workspace, environment=few))
    ids = [each.id for each in holding(narrow.workspace, narrow.entry()).backups]

    errors = failing_backup(narrow, lambda: narrow.shell("kill -9 $(pgrep -x pg_dump)"))
    after_failure = [each.id for each in holding(narrow.workspace, narrow.entry()).backups]
    proven = {each.id for each in holding(narrow.workspace, narrow.entry()).backups if each.proven}
    done = narrow.backup()
    after = [each.id for each in holding(narrow.workspace, narrow.entry()).backups]

    assert [str(error) for error in errors] == ["dump tickets failed on backup: pg_dump was ended by signal 9"]
    assert after_failure == ids
    assert after[-2:] == [last.id, done.id]
    assert set(after[:-2]) <= proven
    assert set(done.pruned.dropped) == set(ids) - set(after)


def test_tasks_answer_machines_with_one_object(place: Place) -> None:
    seen = {}
    for words in (
        ["backup", "--name", "tickets"],
        ["backup.drill", "--name", "tickets"],
        ["backup.list", "--name", "tickets", "--check"],
    ):
        command = place.command(*words, "--json")
        out, told = command.communicate(timeout=300)
        assert command.returncode == 0, told
        seen[words[0]] = json.loads(out)["result"]

    made = seen["backup"]["backups"][0]["id"]
    last = seen["backup.list"]["backups"][0]["backups"][-1]
    assert seen["backup.drill"]["drills"][0]["backup"] == made
    assert (last["id"], last["verified"], last["proven"], last["keep"]) == (made, True, True, True)
    assert "the newest proven one" in last["reasons"]
