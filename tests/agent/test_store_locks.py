"""A backup that somebody reads or has pinned stays where it is, whoever comes first; in a folder here, and on another host."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.unit.test_stores import NIGHT, put
from windlass.errors import BackupError, HostError, RefusedError
from windlass.hosts.channel import Channel
from windlass.operations.operation import Operation
from windlass.operations.wire import Batch
from windlass.stores.directory import DirectoryStore
from windlass.stores.host import HostStore, Line
from windlass.stores.manifest import Pin
from windlass.stores.store import Store
from windlass.stores.wanted import ReadLock
from windlass.testing.local import local_channel

LOCK = ReadLock(
    backup="a",
    at=datetime(2026, 11, 20, 2, 30, tzinfo=UTC),
    operator="ada@desk",
    purpose="restore shop, environment staging",
    file="read-lock-20261120T023000Z-1a2b3c.json",
)
ROUNDS = 8
CROWD = 1000  # files beside it: the look at them takes long enough for somebody to come meanwhile


Stores = tuple[DirectoryStore, Store, Store]


@pytest.fixture
def agents() -> Iterator[tuple[Channel, Channel]]:
    both = (local_channel(), local_channel())
    yield both
    for each in both:
        each.close()


@pytest.fixture(params=["directory", "host"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Stores:
    """A folder, and the store that it is for two people: their own machine's, or another host's, each with a line to it."""
    here = DirectoryStore(tmp_path / "backups")
    if request.param == "directory":
        return here, here, here
    agents = request.getfixturevalue("agents")  # new ones: on a busy machine they would not wait for us from test to test
    owner, reader = (HostStore("store", str(here.folder), "127.0.0.1", 1, line_to(agent)) for agent in agents)
    return here, owner, reader


def line_to(agent: Channel) -> Line:
    @contextlib.contextmanager
    def line() -> Iterator[Any]:
        def run(operation: Operation, sink: Any = None) -> Mapping[str, Any]:
            try:
                return agent.run(Batch((operation,)), sink)[0].data
            except HostError as error:
                raise BackupError(error.message) from error

        yield run

    return line


def test_one_that_is_read_stays_until_it_is_not_and_one_that_is_gone_cannot_be_read(stores: Stores) -> None:
    folder, owner, reader = stores
    put(folder, "a")

    reader.lock("shop", LOCK)
    with pytest.raises(RefusedError) as refused:
        owner.remove("shop", "a")
    left = [each.id for each in owner.listing("shop").backups]
    reader.unlock("shop", LOCK)
    owner.remove("shop", "a")
    with pytest.raises(BackupError, match=r"cannot write .*/shop/a/read-lock-"):
        reader.lock("shop", LOCK)

    why = "a stays for now: ada@desk reads it since 2026-11-20 02:30 UTC: restore shop, environment staging"
    assert (refused.value.message, left) == (why, ["a"])
    assert list((folder.folder / "shop").iterdir()) == []


def test_a_pin_holds_also_against_a_prune_that_had_decided_before(stores: Stores) -> None:
    folder, owner, other = stores
    put(folder, "a")

    other.set_pin("shop", "a", Pin(at=NIGHT, operator="ada@desk", reason="before the migration"))

    with pytest.raises(RefusedError, match=r"a stays for now: pinned by ada@desk on 2026-11-20: before the migration"):
        owner.remove("shop", "a")
    assert [each.id for each in owner.listing("shop").backups] == ["a"]


def test_what_a_crash_left_of_a_lock_counts_for_a_day(stores: Stores) -> None:
    folder, owner, reader = stores
    put(folder, "a")
    reader.lock("shop", LOCK)
    path = folder.folder / "shop" / "a" / LOCK.file
    path.write_text("not what we write")
    with pytest.raises(RefusedError, match=f"a stays for now: {LOCK.file} lies beside it"):
        owner.remove("shop", "a")

    written = path.stat().st_mtime
    os.utime(path, (written, written - 24 * 3600 - 1))
    owner.remove("shop", "a")

    assert list((folder.folder / "shop").iterdir()) == []


def test_of_a_removal_and_a_reader_at_the_same_time_one_gives_way(stores: Stores) -> None:
    folder, owner, reader = stores
    both = []

    def read(turn: threading.Barrier, locked: list[bool]) -> None:
        turn.wait()
        with contextlib.suppress(BackupError):
            reader.lock("shop", LOCK)
            locked.append(True)

    for _round in range(ROUNDS):
        put(folder, "a")
        for number in range(CROWD):
            (folder.folder / "shop" / "a" / str(number)).touch()
        turn, locked, removed = threading.Barrier(2), list[bool](), False
        thread = threading.Thread(target=read, args=(turn, locked))
        thread.start()
        turn.wait()
        with contextlib.suppress(RefusedError):
            owner.remove("shop", "a")
            removed = True
        thread.join()
        both.append((bool(locked), removed))
        if not removed:
            assert [each.id for each in owner.listing("shop").backups] == ["a"]
            reader.unlock("shop", LOCK)
            owner.remove("shop", "a")

    assert (True, True) not in both
