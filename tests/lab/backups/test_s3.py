"""Backups in a bucket, sent by a real host over real HTTP, with everything on the way that can go wrong."""

from __future__ import annotations

import contextlib
import functools
import re
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.lab.backups.offsite import Offsite, new_key, offsite
from tests.lab.backups.place import LEFT, ROWS, Place, hung_up, locked_table, patient
from tests.s3.faults import Faults, Request, proxy
from tests.s3.servers import KEY, KINDS, bucket_at, server
from tests.unit.test_stores import manifest
from tests.waiting import until
from windlass.errors import BackupError, FlowFailed, OperationFailed, RefusedError, WindlassError
from windlass.flows.backups.backup import BackedUp, backup
from windlass.flows.backups.drill import drill
from windlass.flows.backups.holdings import pin, prune, verify
from windlass.flows.backups.restore import restore
from windlass.hosts.channel import Channel
from windlass.inventory import Keep, StoreEntry
from windlass.plans.restoration import Wish
from windlass.stores.manifest import Pin, written
from windlass.stores.s3 import S3Store
from windlass.stores.wanted import ReadLock
from windlass.tasks.backup_words import backed_up
from windlass.testing.lab import shell

pytestmark = pytest.mark.lab

LOCK = {
    "backup": "20261120T023000Z-1a2b3c",
    "at": "2026-11-20T10:15:00Z",
    "operator": "ada@desk",
    "purpose": "restore shop, environment staging",
    "file": "read-lock-20261120T101500Z-4d5e6f.json",
}


@dataclass(frozen=True)
class Far:
    """The databases' host, a bucket far from it, what is between them, and the file with the private key."""

    place: Place
    offsite: Offsite
    faults: Faults
    identity: Path
    words: tuple[str, ...]

    @property
    def store(self) -> S3Store:
        return self.offsite.store()

    def all_keys(self) -> list[str]:
        with bucket_at(self.store.bucket.endpoint) as bucket:
            return sorted(each.key for each in bucket.objects(""))

    def uploads(self) -> list[str]:
        with bucket_at(self.store.bucket.endpoint) as bucket:
            return sorted(each.key for each in bucket.uploads(""))


@pytest.fixture(scope="module")
def buckets(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Far]]:
    """One of each kind, whose server is started when the first test wants it."""
    gateway = place.machine.address.rpartition(".")[0] + ".1"
    with contextlib.ExitStack() as stack:

        @functools.cache
        def bucket_of(kind: str) -> Far:
            folder = tmp_path_factory.mktemp(kind)
            recipient = new_key(folder / "identity.txt")
            keys = (KEY, KEY) if kind == "s3rver" else (secrets.token_hex(10), secrets.token_hex(20))
            port, faults = stack.enter_context(proxy(stack.enter_context(server(kind, folder))))
            endpoint = f"http://{gateway}:{port}"
            words = (str(place.project), endpoint, *keys, recipient)
            return Far(place, offsite(place.workspace, endpoint, keys, recipient), faults, folder / "identity.txt", words)

        yield bucket_of


@pytest.fixture(params=KINDS)
def far(request: pytest.FixtureRequest, buckets: Callable[[str], Far]) -> Far:
    """Tests come in any order: a fixture of the file's with these parameters would start its servers again and again."""
    return buckets(request.param)


@pytest.fixture(autouse=True)
def no_faults(far: Far) -> Iterator[None]:
    far.faults.reset()
    yield
    far.faults.reset()


def only(far: Far, kind: str) -> None:
    if (far.words[2] == KEY) != (kind == "s3rver"):
        pytest.skip(f"this is shown with {kind}")


def test_it_goes_there_straight_and_comes_back_in_every_way(far: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    only(far, "moto")
    received: list[int] = []
    close = Channel.close
    monkeypatch.setattr(Channel, "close", lambda channel: (received.append(channel.bytes_received), close(channel))[1])
    off, keys = far.offsite, str(far.identity)

    noise = off.backup("noise")
    over_the_channel = max(received)
    done = off.backup()
    table = restore(off.workspace, off.entry(), Wish(table="people"), backup=done.id, identity=keys)
    far.place.sql(f"DROP SCHEMA {table.table.split('.')[0]} CASCADE")
    proof = drill(off.workspace, off.entry(), backup=done.id, identity=keys).proof
    checked, unread = verify(off.workspace, off.entry(), done.id, identity=keys), verify(off.workspace, off.entry(), done.id)
    pin(off.workspace, off.entry(), done.id, reason="it is the first")
    (stored,) = (each for each in off.stored() if each.id == done.id)
    (big,) = (each for each in off.stored("noise") if each.id == noise.id)

    assert noise.stored_bytes > 45_000_000
    assert over_the_channel < 100_000, "nothing of the data passes the controller"
    assert far.faults.bytes_in > noise.stored_bytes
    assert (stored.signed, stored.verified, stored.proven, stored.pin and stored.pin.reason) == (
        True,
        True,
        True,
        "it is the first",
    )
    assert (table.rows, proof.passed, checked.decoded, unread.decoded) == (1000, True, True, False)
    assert {piece.bytes for piece in big.manifest.dump.pieces[:-1]} == {big.manifest.dump.piece_bytes} == {5 << 20}
    assert sum(piece.bytes for piece in big.manifest.dump.pieces) == big.manifest.dump.stored_bytes
    assert far.place.shell(LEFT) == ""


def test_the_host_never_has_a_credential_or_a_private_key(far: Far) -> None:
    only(far, "moto")
    far.faults.rule = lambda request: "hold" if request.is_part and request.number == 2 else ""
    thread = threading.Thread(target=far.offsite.backup, args=("noise",))
    thread.start()
    try:
        assert far.faults.held.wait(60)
        private = far.identity.read_text().splitlines()[1]
        found = look(far, [far.words[3], private, "X-Amz-Signature="])
    finally:
        far.faults.go.set()
        thread.join()

    shown = "\n".join(where for number, where in found if number == "2")
    assert {number for number, _where in found} == {"2"}, found
    assert re.search(r"/proc/\d+/mem", shown), "a signed address is in the agent's memory, so looking there finds what is there"
    assert not re.search(r"/proc/\d+/(cmdline|environ)|/var/|/tmp/|/root/|journal", shown), shown


# Looks for texts on the disk, in the journal, in every process's arguments, environment and memory; it does not hold them itself.
# All in one go, for the part that is held back meanwhile is sent anew after a while.
LOOK = r"""
cat >/tmp/look.py <<'END'
import glob, os, re, subprocess
texts = [(one + other).encode() for one, other in %r]
mine = {str(os.getpid()), str(os.getppid())}
def see(content, where):
    for number, text in enumerate(texts):
        if text in content: print(number, where)
def read(path):
    try:
        see(open(path, "rb").read(), path)
    except OSError: pass
shared = set()  # memory that several processes have in common is looked into once
for folder in glob.glob("/proc/[0-9]*"):
    if folder[6:] in mine: continue
    for name in ("cmdline", "environ"): read(folder + "/" + name)
    try:
        memory = open(folder + "/mem", "rb", 0)
        for line in open(folder + "/maps"):
            span = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw.([sp]) (\S+ \S+ \S+)", line)
            if not span or span[3] == "s" and span[4] in shared: continue
            start, end = int(span[1], 16), int(span[2], 16)
            try:
                memory.seek(start)
                see(memory.read(end - start), folder + "/mem")
                if span[3] == "s": shared.add(span[4])
            except (OSError, OverflowError, ValueError): pass
    except OSError: pass
for top in ("/tmp", "/var", "/root", "/home", "/run", "/etc"):
    for place, _folders, files in os.walk(top):
        for name in files:
            path = os.path.join(place, name)
            try:
                small = os.path.isfile(path) and os.path.getsize(path) < 50000000
            except OSError: continue
            if small: read(path)
see(subprocess.run(["journalctl", "-q", "--no-pager"], stdout=subprocess.PIPE).stdout, "journal")
END
python3 /tmp/look.py; rm /tmp/look.py
"""


def look(far: Far, texts: list[str]) -> list[tuple[str, str]]:
    """Where on the host the texts are: the number of one, and a place."""
    lines = far.place.shell(LOOK % ([(text[:9], text[9:]) for text in texts],)).splitlines()
    return [(number, where) for number, _, where in (line.partition(" ") for line in lines)]


def test_it_ends_whole_whatever_breaks_on_the_way(far: Far) -> None:
    trouble = {2: "500", 4: "reset", 6: "403", 8: "lost", 10: "slow", 11: "503"}

    def rule(request: Request) -> str:
        torn = "torn" if request.method == "GET" and "X-Amz-Signature" in request.path and request.number == 2 else ""
        return trouble.get(request.number, "") if request.is_part else torn

    far.faults.rule = rule
    done = far.offsite.backup("noise")
    checked = verify(far.offsite.workspace, far.offsite.entry("noise"), done.id, identity=str(far.identity))

    assert {request.number for request in far.faults.parts()} >= set(trouble)
    assert (checked.decoded, checked.raw_bytes) == (True, done.raw_bytes)


def test_a_controller_whose_line_breaks_takes_it_up_again_and_goes_on_signing(far: Far) -> None:
    only(far, "moto")
    heard: list[object] = []
    done: list[BackedUp] = []
    far.faults.rule = lambda request: "hold" if request.is_part and request.number == 3 else ""
    noise = far.offsite.entry("noise")
    thread = threading.Thread(target=lambda: done.append(backup(patient(far.offsite.workspace), noise, heard.append)))
    thread.start()
    try:
        assert far.faults.held.wait(60)
        hung_up(far.place)
    finally:
        far.faults.go.set()
        thread.join()

    (made,) = done
    assert "attached again after" in str(heard)
    assert made.stored_bytes > 45_000_000  # and the host has read all of it back


@pytest.mark.parametrize("action", ["507", "flip"])
def test_what_cannot_be_stored_leaves_the_last_good_one_and_nothing_else(far: Far, action: str) -> None:
    only(far, "moto")
    far.offsite.backup("noise")
    before = far.all_keys()
    far.faults.reset()
    far.faults.rule = lambda request: action if request.is_part and request.number == 3 else ""

    with pytest.raises(WindlassError) as caught:
        far.offsite.backup("noise")
    said = r"what was stored of dump\.zst has changed" if action == "flip" else f"part 3 could not be stored at .*: status {action}"
    far.faults.reset()

    assert re.search(said, caught.value.message)
    assert (far.all_keys(), far.uploads()) == (before, [])
    until(lambda: far.place.shell(LEFT) == "")


def test_a_dump_that_dies_leaves_nothing(far: Far) -> None:
    only(far, "moto")
    before = far.all_keys()
    errors: list[WindlassError] = []

    def run() -> None:
        try:
            far.offsite.backup()
        except WindlassError as error:
            errors.append(error)

    with locked_table(far.place):
        thread = threading.Thread(target=run)
        thread.start()
        until(lambda: far.place.shell("pgrep -x pg_dump || true"))
        far.place.shell("kill -9 $(pgrep -x pg_dump)")
        thread.join()

    assert [type(error) for error in errors] == [OperationFailed]
    assert "pg_dump was ended by signal 9" in errors[0].message
    assert (far.all_keys(), far.uploads()) == (before, [])


def test_a_killed_controller_leaves_what_is_swept_a_day_later(far: Far) -> None:
    only(far, "moto")
    before = far.all_keys()
    far.faults.rule = lambda request: "hold" if request.is_part and request.number == 3 else ""
    process = subprocess.Popen([sys.executable, "-m", "tests.lab.backups.offsite", *far.words, "noise"])
    assert far.faults.held.wait(60)
    process.send_signal(signal.SIGKILL)
    process.wait()
    until(lambda: far.place.shell(LEFT) == "")
    far.faults.go.set()
    far.faults.reset()
    left = far.uploads()
    listed = [stored.id for stored in far.offsite.stored("noise")]
    swept = far.store.sweep("noise", datetime.now(UTC) + timedelta(days=1, hours=1))

    assert len(left) == 1
    assert [key for key in far.all_keys() if key not in before] == []
    assert not any(each in left[0] for each in listed)
    assert len(swept) == 1
    assert far.uploads() == []
    assert far.offsite.backup("noise").id in {stored.id for stored in far.offsite.stored("noise")}


def test_one_store_that_fails_does_not_cost_the_copy_in_another(far: Far, tmp_path: Path) -> None:
    only(far, "moto")
    workspace, entry = far.offsite.workspace, far.offsite.entry()
    stores = {**workspace.environment.stores, "near": StoreEntry(name="near", directory=str(tmp_path / "near"))}
    both = replace(workspace, environment=replace(workspace.environment, stores=stores))
    entries = entry.model_copy(update={"stores": ("off", "near")}).each_store()
    far.faults.rule = lambda request: "507" if request.is_part else ""

    outcome = backed_up(entries, lambda one: backup(both, one))

    assert isinstance(outcome.error, FlowFailed)
    assert (outcome.error.exit_code, list(outcome.error.hosts)) == (3, ["tickets in off"])
    assert [done["store"] for done in outcome.result["backups"]] == ["near"]
    assert len(list((tmp_path / "near" / "tickets").glob("*/manifest.json"))) == 1


def test_old_ones_go_and_what_was_changed_is_refused(far: Far) -> None:
    only(far, "moto")
    entry = far.offsite.entry().model_copy(update={"keep": Keep(last=1, daily=0, weekly=0, monthly=0)})
    done = [backup(far.offsite.workspace, entry).id for _time in range(2)]
    kept = [stored.id for stored in far.offsite.stored()]
    key = far.store.key("tickets", done[1], "manifest.json")
    far.store.bucket.put(key, far.store.bucket.get(key).replace(b'"operator": "', b'"operator": "x'))
    (changed,) = (stored for stored in far.offsite.stored() if stored.id == done[1])
    with pytest.raises(WindlassError, match="its signature does not fit"):
        verify(far.offsite.workspace, entry, done[1])
    far.store.remove("tickets", done[1])

    assert done[1] in kept
    assert done[0] not in kept
    assert changed.doubt.startswith("its signature does not fit")
    assert [each for each in far.all_keys() if done[1] in each] == []
    assert prune(far.offsite.workspace, entry, check=True).failed == {}


def test_what_somebody_reads_stays_also_if_they_come_while_it_is_removed(far: Far) -> None:
    only(far, "moto")
    store, lock = far.store, ReadLock.model_validate(LOCK)
    store.begin("shop", lock.backup).publish(manifest(lock.backup), "how to restore")
    deletions = []

    def come(request: Request) -> str:
        if request.method == "DELETE":
            deletions.append(request.path)
            far.faults.reset()
            store.bucket.put(store.key("shop", lock.backup, lock.file), written(lock).encode())
        return ""

    far.faults.rule = come
    with pytest.raises(RefusedError, match=f"{lock.backup} stays for now: ada@desk reads it since"):
        store.remove("shop", lock.backup)
    there = [stored.id for stored in store.listing("shop").backups]
    store.unlock("shop", lock)
    store.remove("shop", lock.backup)
    pin_of_now = Pin(at=lock.at, operator="ada@desk")
    for too_late in (lambda: store.lock("shop", lock), lambda: store.set_pin("shop", lock.backup, pin_of_now)):
        with pytest.raises(BackupError, match=f"{lock.backup} is not in s3://acme/production any more"):
            too_late()
    nothing_left = [each for each in far.all_keys() if "/shop/" in each]
    store.bucket.put(store.key("shop", lock.backup, "pin.json"), written(pin_of_now).encode())  # of somebody who died just then
    swept = store.sweep("shop", datetime.now(UTC) + timedelta(hours=25))

    assert (len(deletions), deletions[0].partition("?")[0].endswith("/manifest.json")) == (1, True)
    assert (there, nothing_left, swept) == ([lock.backup], [], (lock.backup,))
    assert [each for each in far.all_keys() if "/shop/" in each] == []


def test_a_bucket_that_is_gone_is_said_before_anything_is_done(far: Far) -> None:
    only(far, "moto")
    far.faults.rule = lambda _request: "403"

    with pytest.raises(BackupError, match=r"cannot list .* in s3://acme at .*AccessDenied"):
        far.offsite.backup()
    assert far.place.shell(LEFT) == ""


def test_what_stands_beside_it_fetches_and_restores_it(far: Far) -> None:
    only(far, "s3rver")  # which believes no signature but the right one
    place, done = far.place, far.offsite.backup()
    text = far.store.bucket.get(far.store.key("tickets", done.id, "RESTORE.md")).decode()
    blocks = dict(re.findall(r"```sh (\w+)\n(.*?)```", text, re.DOTALL))
    place.shell("rm -rf /tmp/far && mkdir /tmp/far")
    shell(place.machine, "cat >/tmp/far/identity.txt", given=far.identity.read_bytes())
    place.shell("chown -R postgres /tmp/far")

    def typed(block: str, before: str = "") -> str:
        return place.shell(
            f"cd /tmp/far && su postgres -s /bin/bash <<'TYPED' 2>&1\nset -eo pipefail\n{before}\n{blocks[block]}\nTYPED"
        )

    typed("fetch", f"KEY={KEY} SECRET={KEY}")
    told = [typed("check"), typed("signature"), typed("restore")]
    rows = place.sql('SELECT count(*) FROM public."Tickets"', "tickets_restored")
    place.sql("DROP DATABASE tickets_restored")
    place.shell("rm -rf /tmp/far")

    assert told[0] == "dump.zst.age: OK"
    assert "Verified Successfully" in told[1]
    assert rows == str(ROWS)
