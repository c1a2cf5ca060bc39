"""Programs joined by pipes on a host: no failure passes unnoticed, nothing outlives the wish for it."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from windlass.agent.core.context import Context
from windlass.agent.core.guard import Guard
from windlass.agent.core.outcome import OperationError
from windlass.agent.core.pipeline import Pipeline, Stage


def shell(name: str, script: str) -> Stage:
    return Stage(name, ["/bin/sh", "-c", script])


@pytest.fixture
def context() -> Context:
    return Context(lambda _frame: None)


def alive(process_id: int) -> bool:
    """Whether a process is there and not a zombie."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def ended(process_id: int) -> bool:
    """Whether a process that was killed is gone, as soon as the kernel has come to it."""
    deadline = time.monotonic() + 60
    while alive(process_id) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not alive(process_id)


@pytest.mark.parametrize("way", ["spliced", "copied", "tapped"])
def test_what_goes_in_comes_out_and_is_counted(context: Context, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if way == "copied":  # an older Python
        monkeypatch.delattr(os, "splice")
    seen: list[bytes] = []
    taps = {0: seen.append} if way == "tapped" else None
    content = os.urandom(3_000_000)
    pieces = (content[start : start + 32_000] for start in range(0, len(content), 32_000))
    out: list[bytes] = []

    with Guard(context, 60) as guard:
        stages = [shell("first", "cat"), shell("second", "cat; echo more"), shell("third", "cat")]
        pipeline = Pipeline(guard, stages, give=True, taps=taps)
        reader = threading.Thread(target=lambda: out.extend(pipeline.chunks()))
        reader.start()
        pipeline.feed(pieces)
        reader.join()
        pipeline.finish()

    assert b"".join(out) == content + b"more\n"
    assert pipeline.passed == [3_000_000, 3_000_005]
    assert b"".join(seen) == (content if way == "tapped" else b"")


@pytest.mark.parametrize(
    ("stages", "said", "lines"),
    [
        ([("dump", "echo part; echo gone >&2; exit 3"), ("zip", "cat")], "dump ended with status 3", ["gone"]),
        ([("dump", "echo part; kill -9 $$"), ("zip", "cat")], "dump was ended by signal 9", []),
        ([("dump", "exec yes"), ("zip", "head -c 10; echo full >&2; exit 4")], "zip ended with status 4", ["full"]),
    ],
    ids=["the first alone", "the first killed half way", "the last, and so the first"],
)
def test_one_that_fails_fails_all(context: Context, stages: list[tuple[str, str]], said: str, lines: list[str]) -> None:
    with Guard(context, 60) as guard:
        pipeline = Pipeline(guard, [shell(*stage) for stage in stages])
        for _chunk in pipeline.chunks():
            pass
        with pytest.raises(OperationError) as caught:
            pipeline.finish()

    assert (str(caught.value), caught.value.last_lines) == (said, lines)


def test_a_program_that_stops_reading_is_named_and_not_the_giver(context: Context) -> None:
    with Guard(context, 60) as guard:
        pipeline = Pipeline(guard, [shell("reader", "head -c 1 >/dev/null; echo enough >&2; exit 1")], give=True)
        pipeline.feed(b"x" * 65536 for _piece in range(1000))
        with pytest.raises(OperationError, match="reader ended with status 1") as caught:
            pipeline.finish()

    assert caught.value.last_lines == ["enough"]


@pytest.mark.parametrize("event", ["gone", "cancelled"])
def test_everything_ends_when_the_controller_is_gone(context: Context, event: str) -> None:
    with Guard(context, 60) as guard:
        pipeline = Pipeline(guard, [shell("sleeper", "sleep 600 & echo $!; wait"), shell("cat", "cat")])
        sleeper = int(next(pipeline.chunks()))
        there = alive(sleeper)
        getattr(context, event).set()
        for _chunk in pipeline.chunks():
            pass
        with pytest.raises(OperationError, match="the controller went away" if event == "gone" else "interrupted"):
            pipeline.finish()

    assert there
    assert ended(sleeper)


def test_leaving_the_block_ends_what_still_runs(context: Context) -> None:
    with Guard(context, 60) as guard:
        program = guard.start(["sleep", "600"])

    assert program.returncode == -9


def test_past_its_limit_a_program_is_ended_and_no_other_begins(context: Context) -> None:
    with Guard(context, 0.0) as guard:
        with pytest.raises(OperationError, match="it took longer than 0 s and was ended"):
            guard.run(["sleep", "600"])
        with pytest.raises(OperationError, match="it took longer than 0 s"):
            guard.start(["true"])


def test_a_failed_program_says_why(context: Context) -> None:
    with Guard(context, 60) as guard, pytest.raises(OperationError, match="/bin/sh ended with status 2") as caught:
        guard.run(["/bin/sh", "-c", "echo no >&2; exit 2"])

    assert caught.value.last_lines == ["no"]
