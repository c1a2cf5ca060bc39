"""Backups that rest on another host: sent from one to the other, and what is left of those that break."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.lab.backups.offsite import STORE, Offsite, new_key
from tests.lab.backups.place import LEFT, Place, locked_table
from tests.waiting import until
from windlass.errors import BackupError, WindlassError
from windlass.flows.backups.backup import backup
from windlass.flows.backups.drill import drill
from windlass.flows.backups.holdings import holding, pin, verify
from windlass.flows.backups.store_opening import open_store
from windlass.hosts.channel import Channel
from windlass.inventory import Keep, StoreEntry
from windlass.plans.firewall import openings, rules

pytestmark = pytest.mark.lab

ROOT = "/srv/backups"
PORT = 8474


@dataclass(frozen=True)
class Vaulted:
    """The databases' host, the other one that stores, and the file with the private key."""

    place: Place
    offsite: Offsite
    identity: Path

    def at(self, directory: str) -> Offsite:
        """The same with another folder."""
        workspace = self.offsite.workspace
        store = StoreEntry(name=STORE, host="spare", directory=directory, port=PORT)
        return replace(
            self.offsite, workspace=replace(workspace, environment=replace(workspace.environment, stores={STORE: store}))
        )

    def kept(self) -> str:
        return self.place.spare(f"find {ROOT} -mindepth 1 -not -path '*/.windlass*' | sort")

    def listening(self) -> str:
        return self.place.spare(f"ss -Hltn 'sport = :{PORT}'")


def as_real(place: Place, recipient: str) -> Offsite:
    """As if these were no twins but the real hosts; the inventory's checks of this store are those of the unit tests."""
    environment = replace(place.workspace.environment, name="lab")
    stores = {STORE: StoreEntry(name=STORE, host="spare", directory=ROOT, port=PORT)}
    backups = {
        name: each.model_copy(update={"stores": (STORE,), "directory": "", "recipients": (recipient,)})
        for name, each in environment.backups.items()
    }
    return Offsite(replace(place.workspace, environment=replace(environment, stores=stores, backups=backups)), recipient)


@pytest.fixture(scope="module")
def vaulted(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vaulted]:
    identity = tmp_path_factory.mktemp("vaulted") / "identity.txt"
    there = Vaulted(place, as_real(place, new_key(identity)), identity)
    environment = there.offsite.workspace.environment
    (door,) = (each for each in openings(environment, environment.host("spare")) if each.port == PORT)
    lines = "\n".join(f"{rule['match']} accept" for rule in rules([door]))
    chain = f"type filter hook input priority 10;\n{lines}\ntcp dport {PORT} reject with tcp reset\n"
    place.spare(f"nft -f - <<'END'\ntable inet vaulted {{ chain input {{\n{chain}}}\n}}\nEND")
    yield there
    place.spare(f"nft delete table inet vaulted; rm -rf {ROOT}")


def test_it_goes_from_host_to_host_and_comes_back_in_every_way(vaulted: Vaulted, monkeypatch: pytest.MonkeyPatch) -> None:
    passed: list[int] = []
    abandon = Channel.abandon
    count = lambda channel: (passed.append(channel.bytes_received + channel.bytes_sent), abandon(channel))[1]  # noqa: E731
    off, keys = vaulted.offsite, str(vaulted.identity)
    with monkeypatch.context() as patched:
        patched.setattr(Channel, "abandon", count)
        noise = off.backup("noise")
    entry = off.entry().model_copy(update={"keep": Keep(last=1, daily=0, weekly=0, monthly=0)})
    first = backup(off.workspace, entry)
    proof = drill(off.workspace, entry, backup=first.id, identity=keys).proof
    checked = [verify(off.workspace, entry, first.id, identity=key) for key in (keys, "")]
    pin(off.workspace, entry, first.id, reason="it is the first")
    pinned = [each.pin and each.pin.reason for each in off.stored()]
    pin(off.workspace, entry, first.id, off=True)
    others = [backup(off.workspace, entry).id for _time in range(2)]
    left = [each.id for each in off.stored()]
    modes = vaulted.place.spare(f"find {ROOT} -printf '%y %m %u\\n' | sort -u").splitlines()
    part = f"{ROOT}/tickets/{others[1]}/dump.zst.age"
    vaulted.place.spare(f"printf x | dd of={part} bs=1 seek=9000 conv=notrunc status=none")
    with pytest.raises(BackupError, match="is damaged: spare:"):
        verify(off.workspace, entry, others[1])

    assert noise.stored_bytes > 45_000_000
    assert sum(passed) < 3_000_000, "nothing of the data passes the controller, only the agent itself, once for each link"
    assert (proof.passed, [each.decoded for each in checked], pinned) == (True, [True, False], ["it is the first"])
    assert left == [first.id, others[1]], "the newest, and the newest that a drill has proven"
    assert modes == ["d 700 root", "f 600 root"]
    assert [each.whole for each in off.stored()] == [True, False]
    assert vaulted.place.spare(f"sha256sum {ROOT}/noise/{noise.id}/dump.zst.age").split()[0] == dump_sum(off, noise.id)
    assert (vaulted.listening(), vaulted.place.shell(LEFT)) == ("", "")


def dump_sum(off: Offsite, backup_id: str) -> str:
    return next(each.manifest.dump.sha256 for each in off.stored("noise") if each.id == backup_id)


def begun(vaulted: Vaulted, errors: list[WindlassError]) -> threading.Thread:
    """A backup that is under way: the dump waits for a table, and the storing host listens. Its error is among `errors` later."""

    def run() -> None:
        try:
            vaulted.offsite.backup()
        except WindlassError as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    until(lambda: vaulted.place.shell("pgrep -x pg_dump || true"))
    until(vaulted.listening)
    return thread


def test_a_storing_side_that_dies_under_way_fails_the_run_and_the_next_one_works(vaulted: Vaulted) -> None:
    place, off, errors = vaulted.place, vaulted.offsite, list[WindlassError]()
    before = [off.backup().id, *(each.id for each in off.stored())]
    with locked_table(place):
        thread = begun(vaulted, errors)
        place.spare(f"kill -9 $(ss -Hltnp 'sport = :{PORT}' | grep -o 'pid=[0-9]*' | cut -d= -f2 | sort -u)")
    thread.join()
    after = [each.id for each in off.stored()]
    until(lambda: place.shell("flock --nonblock /run/windlass/lock/backup-tickets echo free || true"))  # its host is told
    assert place.shell(LEFT) == ""
    again = off.backup()

    assert len(errors) == 1
    assert "spare" in (errors[0].host, *str(errors[0]).split())
    assert after == before[1:]
    assert [each.id for each in off.stored()] == [*after, again.id]


def test_a_database_host_that_dies_leaves_nothing_and_only_it_is_let_in(vaulted: Vaulted) -> None:
    place, errors = vaulted.place, list[WindlassError]()
    vaulted.offsite.backup()
    before = vaulted.kept()
    request = r"PUT /guess HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
    ask = f"exec 3<>/dev/tcp/{place.other.address}/{PORT}; printf '{request}' >&3; head -1 <&3"
    with locked_table(place):
        thread = begun(vaulted, errors)
        guessed = place.shell(ask)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((place.other.address, PORT), 10).close()
        place.shell("kill -9 $(ps -o ppid= -p $(pgrep -x pg_dump))")
        thread.join()

    assert "404" in guessed
    assert len(errors) == 1
    assert vaulted.kept() == before
    until(lambda: vaulted.listening() == "")
    until(lambda: place.shell(LEFT) == "")


def test_a_store_that_is_full_or_gone_says_so_and_keeps_what_it_has(vaulted: Vaulted) -> None:
    vaulted.place.spare("mkdir -p /srv/full && mount -t tmpfs -o size=12m,mode=0700 tmpfs /srv/full")
    try:
        full = vaulted.at("/srv/full")
        with pytest.raises(WindlassError, match=r"part [12] could not be stored at .*: status 507 .InsufficientStorage."):
            full.backup("noise")
        left = vaulted.place.spare("find /srv/full -mindepth 2")
    finally:
        vaulted.place.spare("umount /srv/full")
    nowhere = vaulted.at("/proc/backups")
    with pytest.raises(BackupError, match="cannot make /proc/backups"):
        nowhere.backup()
    off = vaulted.offsite.workspace
    hosts = {**off.environment.hosts, "spare": off.environment.host("spare").model_copy(update={"port": 1})}
    gone = replace(off, environment=replace(off.environment, hosts=hosts))

    assert left == ""
    assert "spare" in holding(gone, vaulted.offsite.entry()).failure
    with pytest.raises(BackupError, match="spare"):
        open_store(gone, vaulted.offsite.entry()).listing("tickets")
