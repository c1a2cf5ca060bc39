"""Programs that the agent runs leave nothing behind, however they end."""

from __future__ import annotations

from pathlib import Path

import pytest

from windlass.agent.core import process
from windlass.agent.core.outcome import OperationError


def opened() -> set[str]:
    """The pipes that this process holds open."""
    found = {str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()}
    return {each for each in found if each.startswith("pipe:")}


def test_a_program_past_its_limit_leaves_no_pipe_open() -> None:
    before = opened()

    with pytest.raises(OperationError, match="sleep took longer than"):
        process.run(["sleep", "60"], give=b"something", limit=0.1)

    assert opened() == before


def test_lines_end_where_programs_end_them() -> None:
    assert process.lines("one\u2028\x85\f still\r\n\ntwo\n") == ["one\u2028\x85\f still\r", "", "two"]
    assert process.lines("no end") == ["no end"]
    assert process.lines("") == []
