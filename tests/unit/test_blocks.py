"""The checksum of a large file by its blocks: the same however it is read, and another for anything else."""

from __future__ import annotations

import hashlib
import itertools
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windlass.agent.core import blocks, sums
from windlass.agent.core.frames import BrokenFrame
from windlass.history import block_prints, checksums
from windlass.hosts.content import shared_blocks
from windlass.operations import operation
from windlass.operations.archive import Archive
from windlass.operations.operation import LocalFile

BLOCK = blocks.SMALLEST
CONTENT = os.urandom(10 * BLOCK + 12_345)


def by_blocks(content: bytes, length: int = BLOCK) -> blocks.ByBlocks:
    digest = blocks.ByBlocks(length)
    digest.update(content)
    digest.hexdigest()
    return digest


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(0, len(CONTENT)), max_size=8))
def test_it_is_the_same_whatever_pieces_it_is_read_in(cuts: list[int]) -> None:
    digest, places = blocks.ByBlocks(BLOCK), [0, *sorted(cuts), len(CONTENT)]
    for start, end in itertools.pairwise(places):
        digest.update(CONTENT[start:end])

    assert digest.hexdigest() == by_blocks(CONTENT).hexdigest()


def test_it_is_made_of_sha256_of_the_blocks() -> None:
    prints = b"".join(hashlib.sha256(CONTENT[at : at + BLOCK]).digest() for at in range(0, len(CONTENT), BLOCK))
    whole = hashlib.sha256(b"windlass: blocks of 131072 bytes\n" + prints).hexdigest()

    assert by_blocks(CONTENT).hexdigest() == f"{whole}-131072"
    assert blocks.length_of(f"{whole}-131072") == BLOCK
    assert [blocks.length_of(each) for each in (whole, f"{whole}-1", f"{whole}-x", "")] == [0, 0, 0, 0]


def test_any_other_content_has_another() -> None:
    others = [CONTENT[:-1], CONTENT + b"\0", CONTENT[:-1] + bytes([CONTENT[-1] ^ 1]), CONTENT[BLOCK:] + CONTENT[:BLOCK]]

    assert len({by_blocks(each).hexdigest() for each in [CONTENT, *others]} | {by_blocks(CONTENT, 2 * BLOCK).hexdigest()}) == 6


def test_no_file_has_more_than_so_many_blocks() -> None:
    for size in (0, BLOCK * blocks.MOST, BLOCK * blocks.MOST + 1, 1 << 40):
        assert -(-size // blocks.length_for(size)) <= blocks.MOST


def test_prints_are_kept_and_prove_themselves(tmp_path: Path) -> None:
    digest = by_blocks(CONTENT)
    path = str(tmp_path / "prints")
    assert blocks.kept(path, digest.hexdigest()) is None
    sums.write_down(path, digest.prints)

    assert blocks.kept(path, digest.hexdigest()) == digest.prints
    assert blocks.kept(path, by_blocks(b"other").hexdigest()) is None
    assert blocks.kept(path, "0" * 64) is None


@pytest.mark.parametrize(
    "told", [None, {}, {"length": BLOCK, "prints": "x"}, {"length": 1, "prints": ""}, {"length": BLOCK, "prints": "AAAA"}]
)
def test_a_description_that_is_none_is_refused(told: Any) -> None:
    with pytest.raises(BrokenFrame, match="not the description"):
        blocks.told(told)


def travelling(tmp_path: Path, old: bytes, new: bytes, length: int = BLOCK) -> bytes:
    """The instructions for a host that has the old one."""
    (tmp_path / "new").write_bytes(new)
    checksum = block_prints.note(by_blocks(new))
    told = blocks.described(by_blocks(old, length).prints, length)
    return b"".join(shared_blocks.instructions(tmp_path / "new", checksum, told))


def test_only_blocks_that_differ_travel(tmp_path: Path) -> None:
    new = CONTENT[: 3 * BLOCK] + b"changed" + CONTENT[3 * BLOCK + 7 :]

    assert len(travelling(tmp_path, CONTENT, CONTENT)) == 17
    assert BLOCK < len(travelling(tmp_path, CONTENT, new)) < BLOCK + 100
    assert len(travelling(tmp_path, CONTENT, CONTENT + b"appended")) < 20_000
    assert len(travelling(tmp_path, CONTENT, CONTENT[: 9 * BLOCK])) == 17


def test_where_little_stayed_in_its_place_the_host_is_told_so(tmp_path: Path) -> None:
    assert travelling(tmp_path, CONTENT, b"inserted" + CONTENT) == shared_blocks.NOTHING
    assert travelling(tmp_path, CONTENT, CONTENT, 2 * BLOCK) == shared_blocks.NOTHING


def test_what_this_process_did_not_read_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block_prints, "_known", {})
    path, digest = tmp_path / "file", by_blocks(CONTENT)
    path.write_bytes(CONTENT)
    assert block_prints.of(str(path), digest.hexdigest()) == digest.prints
    path.unlink()

    assert block_prints.of(str(path), digest.hexdigest()) == digest.prints


def test_only_the_newest_prints_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block_prints, "_known", {})
    noted = [block_prints.note(by_blocks(bytes([number]))) for number in range(block_prints.MOST + 2)]

    assert list(block_prints._known) == noted[2:]


def test_an_archive_is_still_known_by_the_checksum_of_the_whole(tmp_path: Path) -> None:
    (tmp_path / "archive.tar").write_bytes(os.urandom(5_000_000))
    checksums.remember_in(tmp_path)
    operation._measured.cache_clear()
    try:
        archive = Archive(path="/opt/tool", content=LocalFile.of(tmp_path / "archive.tar"))
        sent = archive.arguments()["content"]
    finally:
        checksums.checksums.remember_with()

    assert isinstance(archive.content, LocalFile)
    assert blocks.length_of(archive.content.checksum)
    assert isinstance(sent, LocalFile)
    assert sent.checksum == hashlib.sha256((tmp_path / "archive.tar").read_bytes()).hexdigest()
