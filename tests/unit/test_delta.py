"""What a new version of a file shares with an old one: always put together right, and little travels."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from windlass.agent.core import delta as agent
from windlass.agent.core.frames import BrokenFrame
from windlass.agent.core.outcome import OperationError
from windlass.hosts.content import delta
from windlass.hosts.content.sources import Gathered

SIZE = 6_000_000
CONTENT = random.Random(84).randbytes(SIZE)  # noqa: S311 - the same in every run
MIDDLE = SIZE // 3 + 12_345


def travelled(tmp_path: Path, old: bytes, new: bytes) -> int:
    """How many bytes the instructions take that make `new` from `old`, which they must."""
    path = tmp_path / "old"
    path.write_bytes(old)
    told = b"".join(delta.instructions(io.BytesIO(new), agent.signature(str(path))))
    chunks = [told[start : start + 999] for start in range(0, len(told), 999)]
    assert b"".join(agent.put_together(str(path), iter(chunks))) == new
    return len(told)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda old: old, id="nothing"),
        pytest.param(lambda old: old[:MIDDLE] + b"other" + old[MIDDLE + 5 :], id="overwritten"),
        pytest.param(lambda old: old[:MIDDLE] + b"inserted" + old[MIDDLE:], id="inserted"),
        pytest.param(lambda old: b"x" + old, id="put in front"),
        pytest.param(lambda old: old + b"appended", id="appended"),
        pytest.param(lambda old: old[:MIDDLE] + old[MIDDLE + 333 :], id="cut out"),
        pytest.param(lambda old: old[: SIZE // 2], id="cut off"),
        pytest.param(lambda old: old[:2_048_000] * 2 + old[2_048_000:], id="repeated by whole blocks"),
    ],
)
def test_little_travels_of_a_file_that_changed_in_one_place(tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    assert travelled(tmp_path, CONTENT, change(CONTENT)) < 40_000


def test_a_large_piece_cut_out_is_found_again(tmp_path: Path) -> None:
    assert travelled(tmp_path, CONTENT, CONTENT[:MIDDLE] + CONTENT[MIDDLE + 2_000_001 :]) < 3_000_000


def test_the_host_begins_before_all_of_the_file_was_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delta, "FILL", 2 * delta.REACH)
    path = tmp_path / "old"
    path.write_bytes(CONTENT)
    new = Gathered(delta.instructions(io.BytesIO(CONTENT), agent.signature(str(path))))
    buffer = memoryview(bytearray(100_000))
    told = [bytes(buffer[:count]) for count in iter(lambda: new.readinto(buffer), 0)]

    assert len(told) > 1
    assert b"".join(agent.put_together(str(path), iter(told))) == CONTENT


def test_something_else_travels_whole_and_hardly_more(tmp_path: Path) -> None:
    other = random.Random(85).randbytes(5_000_000)  # noqa: S311

    assert travelled(tmp_path, CONTENT, other) < 5_000_200


@pytest.mark.parametrize("new", [b"", b"short", bytes(3_000_000)])
def test_extremes(tmp_path: Path, new: bytes) -> None:
    travelled(tmp_path, bytes(2_000_000), new)
    travelled(tmp_path, CONTENT[:300_000], new)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60_000), st.integers(0, 9_000), st.binary(max_size=40)), max_size=6))
def test_any_edits_are_put_together_right(tmp_path: Path, edits: list[tuple[int, int, bytes]]) -> None:
    old = CONTENT[:30_000] + bytes(10_000) + CONTENT[:20_000]
    new = old
    for place, length, text in edits:
        new = new[:place] + text + new[place + length :]

    travelled(tmp_path, old, new)


@pytest.mark.parametrize("told", [b"Z", b"C\0", b"L\0\0\0\5abc", b"C" + b"\xff" * 16])
def test_instructions_that_make_no_sense_are_refused(tmp_path: Path, told: bytes) -> None:
    (tmp_path / "old").write_bytes(b"old")

    with pytest.raises((OperationError, OverflowError)):
        list(agent.put_together(str(tmp_path / "old"), iter([told])))


@pytest.mark.parametrize("described", [{}, {"block": 1, "blocks": ""}, {"block": [], "blocks": ""}, {"block": 4096, "blocks": "x"}])
def test_a_description_that_is_none_is_refused(described: dict[str, Any]) -> None:
    with pytest.raises(BrokenFrame, match="not the description"):
        list(delta.instructions(io.BytesIO(b"new"), described))
