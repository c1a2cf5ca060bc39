"""A call says the same however it was put together, and its large part is made once."""

from __future__ import annotations

import random
from typing import Any

import pytest

from windlass.agent.core import frames
from windlass.hosts.agent.call_frames import LONGEST, call_frame
from windlass.operations.wire import EncodedBatch

NOISE = random.Random(7).randbytes(50_000).hex()  # noqa: S311 - to be the same each time


def decoded(frame: bytes) -> dict[str, Any]:
    size = frames.HEADER_SIZE
    assert (frame[4:5], int.from_bytes(frame[:4], "big")) == (frames.CALL, len(frame) - size)
    return frames.decode(frame[size:], frames.CALL)


@pytest.mark.parametrize("content", ["", 'é \udce9 " \\ } ]', "a" * 5000, NOISE], ids=["short", "text", "long", "noise"])
@pytest.mark.parametrize(
    "own",
    [
        {},
        {"journal": "20260102T030405-1f2e3d.web1"},
        {"journal": "é", "given": {"f" * 64: 1 << 31}},
        {"journal": "j" * 2 * LONGEST},
    ],
    ids=["nothing", "journal", "given", "much"],
)
def test_what_a_host_reads_is_what_the_batch_says_and_what_is_its_own(content: str, own: dict[str, Any]) -> None:
    body = {"operations": [{"content": content}], "check": False, "go_on": True, "secrets": ["é"]}

    assert decoded(call_frame(EncodedBatch(body, {}), own)) == {**body, **own}


def test_of_hosts_that_share_a_batch_only_the_end_differs() -> None:
    encoded = EncodedBatch({"operations": [{"content": NOISE}], "check": False, "go_on": True, "secrets": []}, {})
    one, other = (call_frame(encoded, {"journal": f"run.{name}"}) for name in ("web1", "web2"))

    assert one[:-100] == other[:-100]
    assert [decoded(frame)["journal"] for frame in (one, other)] == ["run.web1", "run.web2"]
