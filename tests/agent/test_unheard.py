"""What was sent and not heard yet: written in order, forgotten as it is heard, written again over a new connection."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.agent.core.unheard import AT_ONCE, Unheard

PIECES = st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=20)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    source, sink = os.pipe()
    os.set_blocking(sink, False)
    yield source, sink
    os.close(source)
    os.close(sink)


def written(kept: Unheard, pipe: tuple[int, int], most: int) -> bytes:
    """What one call writes."""
    before = kept.written
    kept.write(pipe[1], most)
    return os.read(pipe[0], kept.written - before)


def test_short_pieces_are_written_together_and_a_long_one_in_parts(pipe: tuple[int, int]) -> None:
    kept = Unheard(keeps=True)
    for piece in (b"one ", b"two ", b"three and more"):
        kept.add(piece)

    assert [written(kept, pipe, 13), written(kept, pipe, 100)] == [b"one two three", b" and more"]
    assert (kept.start, kept.written, kept.said, kept.size()) == (0, 22, 22, 22)


def test_what_was_begun_comes_before_what_is_added_unless_it_is_taken_away(pipe: tuple[int, int]) -> None:
    kept = Unheard(keeps=True)
    kept.begun = b"begun "
    kept.begun = b""
    kept.add(b"ended ")
    kept.begun = b"begun "
    assert kept.size() == len("ended ")
    kept.add(b"asked ")
    kept.begun = b"begun"
    kept.add(b"")

    assert (written(kept, pipe, 100), kept.begun) == (b"ended begun asked begun", b"")


def test_however_many_there_are_no_more_are_given_to_the_kernel_than_it_takes(pipe: tuple[int, int]) -> None:
    kept = Unheard(keeps=True)
    for _ in range(3 * AT_ONCE):
        kept.add(b"x")

    assert [len(written(kept, pipe, 1 << 16)) for _ in range(3)] == [AT_ONCE] * 3


def test_what_was_heard_is_forgotten_and_all_else_written_anew_over_a_new_connection(pipe: tuple[int, int]) -> None:
    kept = Unheard(keeps=True)
    for piece in (b"first", b"second", b"third"):
        kept.add(piece)
    written(kept, pipe, 13)  # two whole ones, and a part of the third

    kept.forget(5)
    assert kept.size() == 11
    kept.rewind(11)

    assert kept.written == 11
    assert written(kept, pipe, 100) == b"third"


def test_nothing_is_kept_where_nobody_comes_back(pipe: tuple[int, int]) -> None:
    kept = Unheard(keeps=False)
    kept.add(b"gone as soon as it is written")

    written(kept, pipe, 4)

    assert (kept.start, kept.size()) == (4, 25)
    assert written(kept, pipe, 100) == b" as soon as it is written"


@given(PIECES, st.lists(st.tuples(st.integers(1, 200), st.booleans()), max_size=30), st.data())
def test_the_other_side_gets_all_bytes_once_wherever_the_line_breaks(
    pieces: list[bytes], course: list[tuple[int, bool]], data: st.DataObject
) -> None:
    """Each step writes so many bytes at most, after some of them the line breaks, and only whole pieces count as heard."""
    got = b""
    ends = list(accumulate(map(len, pieces)))
    kept = Unheard(keeps=True)
    for piece in pieces:
        kept.add(piece)
    source, sink = os.pipe()
    try:
        for most, breaks in [*course, *[(200, False)] * len(pieces)]:
            begin = kept.written
            kept.write(sink, most)
            got = got[:begin] + os.read(source, kept.written - begin) if kept.written > begin else got
            heard = max((end for end in ends if end <= len(got)), default=0)
            if breaks:
                kept.rewind(heard)
                got = got[:heard]
            else:
                kept.forget(data.draw(st.integers(0, heard)))
    finally:
        os.close(source)
        os.close(sink)

    assert got == b"".join(pieces)
