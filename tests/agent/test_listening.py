"""What a program writes is seen while it runs: as it comes, harmless, never too much, and never at the program's cost.

Programs here wait for a file that is made when their line has been heard, so no test depends on how fast anything is.
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from windlass import events
from windlass.agent.core import listening, process
from windlass.hosts.channel import Channel
from windlass.hosts.common.target import Target
from windlass.operations.command import Run
from windlass.operations.wire import Batch
from windlass.testing.local import LocalSession
from windlass.values import Secret

WAIT = "until [ -e go ]; do sleep 0.05; done"


def heard(folder: Path, command: str, awaited: str, **more: Any) -> tuple[list[events.OperationOutput], int]:
    """All that was told of a command which ends once `awaited` was told; and the bytes that came from the host."""
    told: list[events.OperationOutput] = []

    def listen(event: events.Event) -> None:
        if isinstance(event, events.OperationOutput):
            told.append(event)
            if any(awaited in line for line in event.lines):
                (folder / "go").touch()

    channel = Channel(Target(name="here", address="127.0.0.1", sudo=False), listen, LocalSession)
    channel.run(Batch((Run(command=f"{command}; {WAIT}", folder=str(folder), **more),)))
    received = channel.bytes_received
    channel.close()
    return told, received


def lines_of(told: list[events.OperationOutput]) -> list[str]:
    return [line for event in told for line in event.lines]


def test_what_a_program_writes_is_told_while_it_runs(tmp_path: Path) -> None:
    told, _received = heard(tmp_path, "echo one; echo two >&2; printf '10%%\\r20%%\\r'", "20%")

    assert sorted(lines_of(told)) == ["10%", "20%", "one", "two"]
    assert told[0].host == "here"


def test_a_secret_is_masked_and_a_line_is_told_only_when_it_is_whole(tmp_path: Path) -> None:
    command = 'echo "key $KEY"; printf %.6s "$KEY"; echo ready >&2'
    told, _received = heard(tmp_path, command, "ready", environment={"KEY": Secret("hunter22-and-more")})

    assert sorted(lines_of(told)) == ["key •••", "ready"]


def test_a_terminal_takes_no_orders_from_a_program(tmp_path: Path) -> None:
    told, _received = heard(tmp_path, r"printf '\033[31mred\033[0m\033]0;title\007\a\n'", "red")

    assert lines_of(told) == [r"red\x07"]


def test_of_many_megabytes_the_end_is_told(tmp_path: Path) -> None:
    told, received = heard(tmp_path, "yes nothing of interest | head -c 40000000; echo; echo the end", "the end")

    assert lines_of(told)[-1] == "the end"
    assert sum(event.missed for event in told) > 1_600_000
    assert max(len(event.lines) for event in told) <= listening.LINES
    assert received < 500_000


def test_a_program_ends_also_where_nobody_takes_what_it_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    offered: list[bytes] = []

    def full(frame: bytes) -> bool:
        offered.append(frame)
        return False

    monkeypatch.setattr(listening, "audience", listening.Audience(full, str))
    monkeypatch.setattr(listening, "AFTER", 0.0)
    done = process.run(["/bin/sh", "-c", "yes | head -c 3000000; cat"], give=b"x" * 300_000)

    assert len(done.output) == 3_300_000
    assert offered
    assert max(map(len, offered)) <= listening.TOLD


def test_wide_and_foreign_lines_fit_a_frame() -> None:
    frames_sent: list[bytes] = []
    tail = listening.Tail(listening.Audience(lambda frame: not frames_sent.append(frame), str), 0.0)
    tail.hear(1, ("ö" * 5000 + "\n").encode() * 30 + b"\xff\xfe\x00\n")
    tail.tell(1.0)

    assert len(frames_sent[0]) <= listening.TOLD


@pytest.mark.parametrize("left", ["sleep 1000 &", "yes &"], ids=["silent", "talkative"])
def test_what_a_program_leaves_running_is_not_waited_for(left: str, tmp_path: Path) -> None:
    """A daemon, as a rule, which has its output; the program itself has ended, and what it said is whole."""
    command = Run(command=f"{left} echo $! > {tmp_path}/left; seq 5000; echo oops >&2")
    channel = Channel(Target(name="here", address="127.0.0.1", sudo=False), opener=LocalSession)
    (result,) = channel.run(Batch((command,)))
    channel.close()
    with contextlib.suppress(ProcessLookupError):  # one that writes ends by itself: nobody reads it
        os.kill(int((tmp_path / "left").read_text()), signal.SIGKILL)

    assert result.changed
    if "sleep" in left:
        assert result.data["output"].splitlines() == [str(number) for number in range(1, 5001)]
    assert result.data["errors"] == "oops\n"
