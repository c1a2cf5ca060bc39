"""Whatever bytes arrive, on either side: an error that says so or a quiet end, never a crash, a hang or a belief."""

from __future__ import annotations

import contextlib
import json
import os
import struct
import threading
import zlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from windlass.agent.core import frames
from windlass.agent.core.facts import facts
from windlass.agent.core.loop import Loop
from windlass.errors import HostError
from windlass.hosts.agent import payload
from windlass.hosts.channel import Channel
from windlass.hosts.common.target import Target
from windlass.operations.command import Run
from windlass.operations.file import File
from windlass.operations.operation import Operation
from windlass.operations.wire import Batch, encode

FAR = 20.0  # seconds, after which a hang is a hang
OPERATIONS: tuple[Operation, ...] = (File(path="/nowhere/at/all", content="x", owner="", group=""), Run(command="true"))
CALL: dict[str, Any] = encode(Batch(OPERATIONS, check=True)).body

some_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
names = st.sampled_from(
    ["index", "status", "stream", "checksum", "window", "bytes", "number", "answer", "text", "operations", "data"]
)
bodies = st.dictionaries(names | st.text(max_size=5), some_json | st.sampled_from(["ok", "changed", 0, 1, -1]), max_size=6)
kinds = st.binary(min_size=1, max_size=1) | st.sampled_from([bytes([letter]) for letter in b"HCSREFKDNPZQXAUVLWM"])


def framed(kind: bytes, body: bytes) -> bytes:
    return struct.pack("!Ic", len(body), kind) + body


a_frame = st.builds(
    framed,
    kinds,
    st.binary(max_size=60)
    | bodies.map(lambda body: json.dumps(body).encode())
    | bodies.map(lambda body: zlib.compress(json.dumps(body).encode()))
    | st.sampled_from([b"[" * 5000, zlib.compress(b"{}")[:-3], zlib.compress(b"[" * 100_000)]),
)
noise = st.lists(a_frame | st.binary(max_size=40), max_size=6).map(b"".join)
plenty = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def heard_by_the_agent(sent: bytes) -> bytes:
    """What the agent answers to these bytes, its own loop and threads at work, until it ends."""
    (source, ours), (theirs, sink) = os.pipe(), os.pipe()
    loop = Loop(source, sink)
    running = threading.Thread(target=loop.run, daemon=True)
    answered: list[bytes] = []
    reading = threading.Thread(target=lambda: answered.extend(iter(lambda: os.read(theirs, 65536), b"")), daemon=True)
    running.start()
    reading.start()
    with contextlib.suppress(BrokenPipeError):
        os.write(ours, sent)
    os.close(ours)
    running.join(FAR)
    hung = running.is_alive()
    os.close(sink)
    reading.join(FAR)
    os.close(theirs)
    os.close(source)
    assert not hung, "the agent goes on after the end of its input"
    return b"".join(answered)


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
@plenty
@given(noise)
def test_the_agent_outlives_no_noise_and_breaks_at_none(sent: bytes) -> None:
    answered = heard_by_the_agent(sent)

    assert answered[4:5] == frames.HELLO


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
@plenty
@given(st.dictionaries(st.sampled_from(sorted(CALL)), some_json, max_size=2), st.dictionaries(names, some_json, max_size=2))
def test_the_agent_answers_a_call_that_makes_no_sense(call: dict[str, Any], operation: dict[str, Any]) -> None:
    spoilt = {**CALL, "operations": [*CALL["operations"], {**CALL["operations"][0], **operation}], **call}

    assert heard_by_the_agent(frames.encode(frames.CALL, spoilt))


class Said:
    """A line at whose other end these bytes are all that will ever come."""

    def __init__(self, answer: bytes) -> None:
        self.sent = self.received = 0
        self._answer = answer

    def send(self, data: bytes | bytearray) -> None:
        self.sent += len(data)

    def receive(self, most: int) -> bytes:
        piece, self._answer = self._answer[:most], self._answer[most:]
        return piece

    def wait_at_most(self, seconds: float) -> None:
        """It never waits."""

    def errors(self) -> str:
        return ""

    def close(self) -> None:
        """There is nothing to close."""


def heard_by_the_controller(answer: bytes) -> list[str]:
    """What the controller believes after these bytes, or raises."""
    channel = Channel(Target(name="evil", address="192.0.2.1", sudo=False), opener=lambda _target, _command: Said(answer))
    return [result.status for result in channel.run(Batch(OPERATIONS, check=True, go_on=True))]


@plenty
@given(noise)
def test_the_controller_says_what_is_wrong_with_noise_instead_of_a_hello(sent: bytes) -> None:
    with pytest.raises(HostError):
        heard_by_the_controller(payload.READY + sent)


@plenty
@given(noise)
def test_the_controller_says_what_is_wrong_with_noise_after_the_hello(sent: bytes) -> None:
    with pytest.raises(HostError):
        heard_by_the_controller(payload.READY + frames.encode(frames.HELLO, facts()) + sent)


results = st.lists(
    st.builds(
        lambda index, status: frames.encode(frames.RESULT, {"index": index, "status": status}),
        st.integers(-1, 3),
        st.sampled_from(["ok", "changed", "failed", "skipped", "splendid"]),
    ),
    max_size=4,
)


@plenty
@given(results)
def test_the_controller_believes_only_one_result_for_each_operation_in_order(told: list[bytes]) -> None:
    whole = payload.READY + frames.encode(frames.HELLO, facts()) + b"".join(told) + frames.encode(frames.DONE, {})
    said = [frames.decode(frame[5:]) for frame in told]
    sound = [one["index"] for one in said] == [0, 1] and all(one["status"] != "splendid" for one in said)

    if sound:
        assert heard_by_the_controller(whole) == [one["status"] for one in said]
    else:
        with pytest.raises(HostError):
            heard_by_the_controller(whole)


def test_a_frame_longer_than_any_is_refused_before_it_is_read() -> None:
    whole = payload.READY + struct.pack("!Ic", 0xFFFFFFFF, frames.HELLO)

    with pytest.raises(HostError, match="4294967295 bytes"):
        heard_by_the_controller(whole)
