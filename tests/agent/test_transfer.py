"""Trees and large files over the wire: what travels, and what happens when they change on the way."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from windlass.errors import OperationFailed
from windlass.history.checksums import remember_in
from windlass.hosts.channel import Channel
from windlass.hosts.common.target import Target
from windlass.hosts.content.upload import MOST_ALONG
from windlass.operations import checksums
from windlass.operations.file import File
from windlass.operations.local_tree import LocalTree
from windlass.operations.operation import LocalFile
from windlass.operations.tree import Tree
from windlass.operations.wire import Batch
from windlass.testing.local import LocalSession, local_channel


def sent(channel: Channel, operation: File | Tree) -> int:
    """How many bytes went to the host for an operation that must change something."""
    before = channel.bytes_sent
    (result,) = channel.run(Batch((operation,)))
    assert result.status == "changed"
    return channel.bytes_sent - before


def test_of_a_large_file_only_the_changed_blocks_travel(channel: Channel, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    content = os.urandom(5_000_000)
    source.write_bytes(content)
    assert sent(channel, File(path=str(target), content=LocalFile.of(source), owner="", group="")) > 5_000_000
    source.write_bytes(content[:2_000_000] + b"inserted" + content[2_000_000:])

    second = sent(channel, File(path=str(target), content=LocalFile.of(source), owner="", group=""))

    assert target.read_bytes() == source.read_bytes()
    assert second < 20_000


def test_a_large_file_that_was_changed_on_the_host_is_put_right_even_if_its_time_was_set_back(
    channel: Channel, tmp_path: Path
) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(os.urandom(5_000_000))
    batch = Batch((File(path=str(target), content=LocalFile.of(source), owner="", group=""),))
    assert [channel.run(batch)[0].status for _ in range(3)] == ["changed", "ok", "ok"]
    before = target.stat()
    with target.open("r+b") as handle:
        handle.write(b"changed")
    os.utime(target, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert [channel.run(batch)[0].status for _ in range(2)] == ["changed", "ok"]
    assert target.read_bytes() == source.read_bytes()


def test_a_large_file_that_changes_after_it_was_described_is_refused(channel: Channel, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(os.urandom(5_000_000))
    target.write_bytes(source.read_bytes()[:4_000_000] + b"old")
    described = LocalFile.of(source)
    with source.open("r+b") as handle:
        handle.write(b"changed")

    with pytest.raises(OperationFailed, match="damaged"):
        channel.run(Batch((File(path=str(target), content=described, owner="", group=""),)))

    assert target.read_bytes()[-3:] == b"old"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    for number in range(300):
        folder = root / str(number % 7)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / str(number)).write_bytes(os.urandom(number * 10))
    return root


def test_of_a_tree_only_what_differs_travels(channel: Channel, tree: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    first = sent(channel, Tree(source=LocalTree.of(tree), path=str(target), owner="", group=""))
    (tree / "3" / "10").write_text("changed")
    second = sent(channel, Tree(source=LocalTree.of(tree), path=str(target), owner="", group=""))
    trips = channel.round_trips
    (again,) = channel.run(Batch((Tree(source=LocalTree.of(tree), path=str(target), owner="", group=""),)))

    assert again.status == "ok"
    assert channel.round_trips == trips + 1
    assert first > 440_000
    assert second < 40_000  # the description of 300 files, and one file
    assert (target / "3" / "10").read_text() == "changed"


def test_a_file_that_changes_while_it_is_sent_leaves_everything_as_it_was(channel: Channel, tree: Path, tmp_path: Path) -> None:
    described = LocalTree.of(tree)
    target = tmp_path / "target"
    target.mkdir()
    (tree / "0" / "28").write_bytes(os.urandom(280))

    with pytest.raises(OperationFailed, match="changed while it was sent"):
        channel.run(Batch((Tree(source=described, path=str(target), owner="", group=""),)))

    assert list(target.iterdir()) == []
    assert channel.is_open


def test_a_file_that_became_shorter_is_named(tree: Path, tmp_path: Path) -> None:
    described = LocalTree.of(tree)
    (tree / "0" / "28").write_bytes(b"")
    channel = local_channel()

    with pytest.raises(OperationFailed, match="28 became shorter"):
        channel.run(Batch((Tree(source=described, path=str(tmp_path / "target"), owner="", group=""),)))


def alike(block: bytes, other: bytes) -> bytes:
    """The other one with four other bytes at its end, so that it has the block's CRC-32; both begin alike."""
    none = zlib.crc32(other[:-4] + bytes(4))
    effects = [(zlib.crc32(other[:-4] + (1 << bit).to_bytes(4, "little")) ^ none, 1 << bit) for bit in range(32)]
    wanted, chosen = zlib.crc32(block) ^ none, 0
    for high in reversed(range(32)):
        effect, bits = next(each for each in effects if each[0] >> high & 1)
        effects = [(e ^ effect, b ^ bits) if e >> high & 1 else (e, b) for e, b in effects if b != bits]
        if wanted >> high & 1:
            wanted, chosen = wanted ^ effect, chosen ^ bits
    return other[:-4] + chosen.to_bytes(4, "little")


@pytest.mark.parametrize("kind", ["file", "tree"])
def test_two_blocks_that_look_alike_are_told_apart_by_the_whole(channel: Channel, tmp_path: Path, kind: str) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    old = os.urandom(1_000_000)
    new = alike(old[4096:8192], old[4096 : 4096 + 16] + os.urandom(4080))
    assert zlib.crc32(new) == zlib.crc32(old[4096:8192])
    for folder, content in ((source, old[:4096] + new + old[8192:]), (target, old)):
        folder.mkdir()
        (folder / "data").write_bytes(content)
    file = File(path=str(target / "data"), content=LocalFile.of(source / "data"), owner="", group="")
    operation = file if kind == "file" else Tree(source=LocalTree.of(source), path=str(target), owner="", group="")

    assert sent(channel, operation) > 1_000_000

    assert (target / "data").read_bytes() == (source / "data").read_bytes()


class Silent(LocalSession):
    """A host whose questions for content never arrive, as if it were very far away."""

    def receive(self, most: int) -> bytes:
        data = super().receive(most)
        assert b'"window"' not in data, "it asks for content"
        return data


def file_of(path: Path, content: LocalFile) -> File:
    return File(path=str(path), content=content, owner="", group="")


def test_what_a_host_is_sure_to_want_comes_along_with_the_call_and_what_it_did_not_want_is_forgotten(tmp_path: Path) -> None:
    sources = [tmp_path / "first", tmp_path / "second"]
    for each in sources:
        each.write_bytes(os.urandom(300_000))
    first, second = (LocalFile.of(each) for each in sources)
    channel = Channel(Target(name="here", address="127.0.0.1", sudo=False), opener=Silent)

    for number in (1, 2):  # the second time the host has them already
        results = channel.run(
            Batch((file_of(tmp_path / "a", first), file_of(tmp_path / "b", second)), along=(first, second, first))
        )
        assert [each.changed for each in results] == [number == 1] * 2
    channel.run(Batch((file_of(tmp_path / "c", second),), along=(second,)))
    channel.close()

    assert [(tmp_path / name).read_bytes() for name in "abc"] == [sources[index].read_bytes() for index in (0, 1, 1)]


def test_what_is_large_is_asked_for_and_what_has_grown_meanwhile_is_refused(channel: Channel, tmp_path: Path) -> None:
    large, small = tmp_path / "large", tmp_path / "small"
    large.write_bytes(os.urandom(MOST_ALONG + 1))
    small.write_bytes(b"as described")
    described = [LocalFile.of(each) for each in (large, small)]
    small.write_bytes(os.urandom(2 * MOST_ALONG))

    channel.run(Batch((file_of(tmp_path / "a", described[0]),), along=(described[0],)))
    with pytest.raises(OperationFailed, match="arrived damaged"):
        channel.run(Batch((file_of(tmp_path / "b", described[1]),), along=(described[1],)))

    assert (tmp_path / "a").read_bytes() == large.read_bytes()
    assert not (tmp_path / "b").exists()


@pytest.fixture
def remembering(tmp_path: Path) -> Iterator[Path]:
    """A project that remembers what it has read, and a host that does: checksums are by blocks then."""
    if os.geteuid():
        pytest.skip("only root's agent remembers")
    (tmp_path / "project").mkdir()
    remember_in(tmp_path / "project")
    yield tmp_path
    checksums.remember_with()


BLOCK = 131_072
LARGE = os.urandom(6_000_000)


def carried(channel: Channel, folder: Path, content: bytes) -> int:
    """How many bytes go to the host for a new content of a large file, which is there then."""
    (folder / "source").write_bytes(content)
    operation = file_of(folder / "target", LocalFile.of(folder / "source"))
    travelled = sent(channel, operation)
    assert (folder / "target").read_bytes() == content
    assert channel.run(Batch((operation,)))[0].status == "ok"
    return travelled


def test_of_a_version_that_the_host_knows_only_the_blocks_that_changed_travel(channel: Channel, remembering: Path) -> None:
    assert carried(channel, remembering, LARGE) > 6_000_000
    changed = LARGE[:3_000_000] + b"changed" + LARGE[3_000_007:]
    assert BLOCK < carried(channel, remembering, changed) < BLOCK + 30_000
    assert carried(channel, remembering, changed + b"appended") < BLOCK + 30_000
    assert carried(channel, remembering, changed[:5_000_000]) < BLOCK + 30_000
    assert carried(channel, remembering, b"inserted" + changed) < 1_050_000, "what was moved is found as well"


def test_an_old_version_that_was_changed_is_never_taken_for_what_it_was(channel: Channel, remembering: Path) -> None:
    carried(channel, remembering, LARGE)
    before = (remembering / "target").stat()
    with (remembering / "target").open("r+b") as handle:
        handle.write(b"changed")
    os.utime(remembering / "target", ns=(before.st_atime_ns, before.st_mtime_ns))

    carried(channel, remembering, LARGE[:-5] + b"again")


def test_a_large_file_that_changes_after_it_was_described_by_blocks_is_refused(channel: Channel, remembering: Path) -> None:
    carried(channel, remembering, LARGE)
    (remembering / "source").write_bytes(LARGE[:-5] + b"again")
    described = LocalFile.of(remembering / "source")
    (remembering / "source").write_bytes(LARGE[:-5] + b"other")

    with pytest.raises(OperationFailed, match="damaged"):
        channel.run(Batch((file_of(remembering / "target", described),)))

    assert (remembering / "target").read_bytes() == LARGE
    assert not [each for each in remembering.iterdir() if each.name.startswith(".")]
