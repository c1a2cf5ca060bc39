"""What takes a backup's parts in on the host that stores it, over real HTTP and through a real agent."""

from __future__ import annotations

import hashlib
import os
import resource
import socket
import stat
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.ports import reserved
from windlass.agent.core import frames
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import OperationError
from windlass.agent.core.receiver import Receiver
from windlass.agent.core.upload import upload
from windlass.errors import OperationFailed
from windlass.operations.stored import (
    BeginDraft,
    ExpectPart,
    FinishPart,
    HashStored,
    PublishDraft,
    Receive,
    SweepStored,
    WriteRecord,
)
from windlass.operations.wire import Batch
from windlass.testing.local import local_channel

MIB = 1 << 20
HERE = "127.0.0.1"


def expected(content: bytes, number: int = 1) -> dict[str, object]:
    return {"number": number, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


class Listening:
    def __init__(self, folder: Path, port: int) -> None:
        self.path = folder / "dump.receiving"
        self.port = port
        self.receiver = Receiver(str(self.path))
        self.receiver.listen(HERE, self.port, 0, Context(lambda _frame: None))

    def put(self, token: str, content: bytes) -> tuple[int, bytes]:
        line = HTTPConnection(HERE, self.port, timeout=20)
        try:
            line.request("PUT", f"/{token}", content)
            answer = line.getresponse()
            return answer.status, answer.read()
        finally:
            line.close()


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Listening]:
    with reserved(HERE) as port:
        there = Listening(tmp_path, port)
        yield there
        there.receiver.close()


def test_a_port_that_another_backup_has_is_waited_for_which_is_told(listening: Listening, tmp_path: Path) -> None:
    told: list[str] = []

    def hear(frame: bytes) -> None:
        told.append(frames.decode(frame[frames.HEADER_SIZE :])["text"])
        listening.receiver.close()

    second = Receiver(str(tmp_path / "second"))
    second.listen(HERE, listening.port, 300.0, Context(hear))
    second.close()

    assert told == [f"waiting until another backup, or whoever else has port {listening.port}, lets it go"]


def test_an_address_is_good_once_and_for_its_very_bytes(listening: Listening) -> None:
    receiver, put = listening.receiver, listening.put
    receiver.expect("a" * 64, expected(b"one"))
    unknown = put("b" * 64, b"one")
    first, again = put("a" * 64, b"one"), put("a" * 64, b"one")
    receiver.expect("c" * 64, expected(b"two", 2))
    other = put("c" * 64, b"TWO")
    receiver.expect("d" * 64, expected(b"two", 2))
    longer = put("d" * 64, b"two, and more")
    receiver.expect("e" * 64, expected(b"old", 2))
    receiver.expect("f" * 64, expected(b"two", 2))
    replaced, second = put("e" * 64, b"old"), put("f" * 64, b"two")
    receiver.expect("g" * 64, expected(b"two", 2))
    answer_was_lost = put("g" * 64, b"two")
    with pytest.raises(OperationError, match="part 4 is not the next one"):
        receiver.expect("h" * 64, expected(b"x", 4))
    name = listening.path.with_name("dump")

    assert [unknown[0], first[0], again[0], other[0], longer[0], replaced[0]] == [404, 200, 409, 422, 400, 404]
    assert (second[0], answer_was_lost[0]) == (200, 200)
    assert receiver.finish(str(name)) == {"bytes": 6, "parts": 2}
    assert name.read_bytes() == b"onetwo"
    assert stat.S_IMODE(name.stat().st_mode) == 0o600
    with pytest.raises(ConnectionRefusedError):
        put("f" * 64, b"two")


def test_a_part_that_breaks_off_counts_for_nothing(listening: Listening) -> None:
    listening.receiver.expect("a" * 64, expected(b"x" * 1000))
    with socket.create_connection((HERE, listening.port)) as line:
        line.sendall(b"PUT /%s HTTP/1.1\r\nContent-Length: 1000\r\n\r\nxxx" % (b"a" * 64))
        line.shutdown(socket.SHUT_WR)
        assert b" 422 " in line.recv(1000)
    listening.receiver.expect("b" * 64, expected(b"x" * 1000))

    assert listening.put("b" * 64, b"x" * 1000)[0] == 200
    assert listening.receiver.finish(str(listening.path) + ".done") == {"bytes": 1000, "parts": 1}


def test_a_full_disk_is_said_and_not_taken_for_a_broken_line(listening: Listening) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    content = os.urandom(8 * MIB)
    listening.receiver.expect("a" * 64, expected(content))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, before[1]))
    try:
        status, body = listening.put("a" * 64, content)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert (status, body) == (507, b"<Code>InsufficientStorage</Code>")
    assert listening.path.stat().st_size == 0


@pytest.fixture
def port() -> Iterator[int]:
    with reserved(HERE) as found:
        yield found


def test_a_stream_goes_from_one_agent_to_the_other_and_ends_with_the_link(port: int, tmp_path: Path) -> None:
    root = str(tmp_path / "vault")
    content = os.urandom(5 * MIB) * 3 + b"the end"
    channel = local_channel()

    def run(operation: object) -> dict[str, object]:
        return channel.run(Batch((operation,)))[0].data  # type: ignore[arg-type]

    def send(frame: bytes) -> None:
        if frame[4:5] == frames.ASK:
            asked = frames.decode(frame[5:])
            threading.Thread(target=lambda: answer(asked["number"], asked["question"])).start()

    def answer(number: int, part: dict[str, object]) -> None:
        token = os.urandom(32).hex()
        wanted = {key: part[key] for key in ("number", "bytes", "sha256")}
        run(ExpectPart(root=root, name="t", token=token, **wanted))  # type: ignore[arg-type]
        context.answered(number, {"url": f"http://{HERE}:{port}/{token}", "headers": {}})

    context = Context(send)
    try:
        run(BeginDraft(root=root, name="t", id="one"))
        run(Receive(root=root, name="t", id="one", part="dump", address=HERE, port=port))
        pieces = upload(iter([content[:3], content[3:]]), 5 * MIB, context)
        done = run(FinishPart(root=root, name="t", id="one", part="dump"))
        digest = run(HashStored(root=root, name="t", folder=".partial-one", part="dump"))
        run(WriteRecord(root=root, name="t", folder=".partial-one", file="manifest.json", content="e30="))
        run(PublishDraft(root=root, name="t", id="one"))
        run(BeginDraft(root=root, name="t", id="two"))
        run(Receive(root=root, name="t", id="two", part="dump", address=HERE, port=port))
        early = run(SweepStored(root=root, name="t", older_than=86400.0))
        late = run(SweepStored(root=root, name="t", older_than=86400.0, ahead=90000.0))
        with pytest.raises(OperationFailed, match=r"cannot make .*two"):
            run(BeginDraft(root=str(tmp_path / "vault" / "t" / "one" / "dump"), name="t", id="two"))
    finally:
        channel.abandon()

    assert (len(pieces), done) == (4, {"bytes": len(content), "parts": 4})
    assert digest == {"sha256": hashlib.sha256(content).hexdigest()}
    assert (tmp_path / "vault" / "t" / "one" / "dump").read_bytes() == content
    assert {stat.S_IMODE(each.stat().st_mode) for each in (tmp_path / "vault").rglob("*") if each.is_dir()} == {0o700}
    assert (early, late) == ({"swept": []}, {"swept": [".partial-two"]})
    with pytest.raises(ConnectionRefusedError), socket.create_connection((HERE, port)):
        pass
