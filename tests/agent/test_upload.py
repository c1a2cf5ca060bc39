"""Parts on their way to a server that speaks S3, over real HTTP, and what happens when that breaks."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.s3.faults import Faults, Request, Rule, proxy
from tests.s3.servers import KINDS, bucket_at, server
from windlass.agent.core import frames
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import OperationError
from windlass.agent.core.upload import split, upload
from windlass.errors import BackupError, OperationFailed
from windlass.lab.authority import certificate_for
from windlass.operations.delivery import ReadBack
from windlass.operations.wire import Batch
from windlass.stores.s3 import Bucket, S3Store
from windlass.stores.s3.delivery import S3Delivery
from windlass.stores.s3.source import S3Source
from windlass.testing.local import local_channel

MIB = 1 << 20
CONTENT = os.urandom(5 * MIB) * 2 + b"the end"  # two whole parts and a small one
KEY = "production/shop/20261120T023000Z-1a2b3c/dump.zst.age"


@dataclass(frozen=True)
class There:
    """A bucket behind a proxy."""

    bucket: Bucket
    faults: Faults
    kind: str

    def send(self, rule: Rule, key: str = KEY) -> S3Delivery:
        """Send the content under faults, and finish."""
        self.faults.reset()
        self.faults.rule = rule
        delivery = S3Delivery(self.bucket, key, part_mib=5)
        try:
            size = delivery.answer({"want": "place", "expected_bytes": 0})["part_bytes"]
            pieces = upload(iter([CONTENT[:3], CONTENT[3:]]), size, _context(delivery))
            delivery.finish({"pieces": pieces, "stored_bytes": len(CONTENT)})
        finally:
            self.faults.reset()
            if self.kind == "moto":
                delivery.give_up()
        return delivery


def _context(delivery: S3Delivery) -> Context:
    """The agent's surroundings, with the controller's side of the questions at hand."""

    def send(frame: bytes) -> None:
        kind, body = frame[4:5], frame[5:]
        if kind == frames.ASK:
            asked = frames.decode(body)
            threading.Thread(target=lambda: context.answered(asked["number"], dict(delivery.answer(asked["question"])))).start()

    context = Context(send)
    return context


@pytest.fixture(scope="module")
def buckets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], There]]:
    """A bucket of each kind, whose server is started when the first test wants it."""
    with contextlib.ExitStack() as stack:

        @functools.cache
        def bucket_of(kind: str) -> There:
            upstream = stack.enter_context(server(kind, tmp_path_factory.mktemp(kind)))
            port, faults = stack.enter_context(proxy(upstream))
            return There(stack.enter_context(bucket_at(f"http://127.0.0.1:{port}")), faults, kind)

        yield bucket_of


@pytest.fixture(params=KINDS)
def there(request: pytest.FixtureRequest, buckets: Callable[[str], There]) -> There:
    """Tests come in any order: a fixture of the file's with these parameters would start its servers again and again."""
    return buckets(request.param)


def once(action: str, number: int = 2) -> Rule:
    return lambda request: action if request.is_part and request.number == number else ""


@given(st.lists(st.binary(max_size=40)), st.integers(1, 50))
def test_parts_are_equal_but_for_the_last_and_hold_every_byte(chunks: list[bytes], size: int) -> None:
    parts = list(split(chunks, size))

    assert b"".join(parts) == b"".join(chunks)
    assert {len(part) for part in parts[:-1]} <= {size}
    assert len(parts[-1]) <= size
    assert len(parts) == 1 or parts[-1]


@pytest.mark.parametrize("action", ["", "500", "503", "403", "reset", "lost", "slow"])
def test_only_the_part_that_failed_is_sent_again(there: There, action: str) -> None:
    there.send(once(action))

    assert there.bucket.size(KEY) == len(CONTENT)
    assert hashlib.sha256(there.bucket.body(KEY, 0).read()).digest() == hashlib.sha256(CONTENT).digest()
    there.bucket.delete(KEY)


def test_each_part_but_one_goes_out_once(there: There) -> None:
    numbers: list[str] = []

    def rule(request: Request) -> str:
        if request.is_part:
            numbers.append(request.path.partition("partNumber=")[2][0])
        return once("reset")(request)

    there.send(rule)

    assert sorted(numbers) == ["1", "2", "2", "3"]
    there.bucket.delete(KEY)


def test_of_what_was_begun_and_never_ended_only_our_own_is_swept(there: There) -> None:
    if there.kind != "moto":
        pytest.skip("it lists no uploads")
    theirs = "production/shop/photos/1.jpg"
    begun = [there.bucket.begin(key, "") for key in (theirs, KEY)]

    swept = S3Store(there.bucket, "production").sweep("shop", datetime.now(UTC) + timedelta(days=2))

    assert swept == (KEY.removeprefix("production/shop/"),)
    assert [each.key for each in there.bucket.uploads("")] == [theirs]
    there.bucket.abort(theirs, begun[0])


@pytest.mark.parametrize(("action", "said"), [("507", "InsufficientStorage"), ("403", "AccessDenied")])
def test_a_store_that_refuses_ends_it_with_its_own_word_and_leaves_nothing(there: There, action: str, said: str) -> None:
    with pytest.raises(OperationError, match=f"part 2 could not be stored at 127.0.0.1:[0-9]+: status {action} .{said}.") as caught:
        there.send(lambda request: action if request.is_part and request.number >= 2 else "")

    assert "Signature" not in str(caught.value)
    assert there.bucket.size(KEY) is None
    assert list(there.bucket.uploads("")) == []


def test_bytes_that_were_cut_off_on_the_way_make_no_object(there: There) -> None:
    with pytest.raises(
        BackupError, match=f"cannot complete {KEY} .*EntityTooSmall|{KEY} has [0-9]+ bytes .* {len(CONTENT)} were sent"
    ):
        there.send(lambda request: "cut" if request.is_part and request.number >= 2 else "")

    there.bucket.delete(KEY)


def read_back(there: There, rule: Rule | None = None) -> str:
    """What the agent reads, from addresses that are signed for it."""
    channel = local_channel()
    there.faults.reset()
    if rule:
        there.faults.rule = rule
    try:
        operation = ReadBack(part="dump.zst.age", bytes=len(CONTENT))
        (result,) = channel.run(Batch((operation,)), answer=lambda _asked: {"url": there.bucket.address_to_read(KEY)})
    finally:
        there.faults.reset()
        channel.close()
    return str(result.data["sha256"])


def test_reading_goes_on_where_it_broke_off(there: There) -> None:
    there.send(once(""))
    whole = hashlib.sha256(CONTENT).hexdigest()

    def torn(request: Request) -> str:
        return "torn" if request.method == "GET" and request.number == 1 else ""

    assert read_back(there) == whole
    assert read_back(there, torn) == whole
    there.faults.rule = torn
    with S3Source(there.bucket, KEY).open("rb") as stream:
        assert hashlib.file_digest(stream, "sha256").hexdigest() == whole
    there.faults.reset()
    there.bucket.delete(KEY)


def test_what_is_not_there_cannot_be_read(there: There) -> None:
    with pytest.raises(OperationFailed, match=r"dump.zst.age could not be read back: status 404 \(NoSuchKey\)"):
        read_back(there)
    with pytest.raises(FileNotFoundError), S3Source(there.bucket, KEY).open("rb") as stream:
        stream.read()


def test_a_certificate_that_is_not_good_ends_it_at_once(tmp_path: Path) -> None:
    _authority, chain, key = certificate_for("store.example.org")
    (tmp_path / "store.pem").write_text(chain + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "store.pem")
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as listening:
        listening.socket = context.wrap_socket(listening.socket, server_side=True)
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        channel = local_channel()
        url = f"https://127.0.0.1:{listening.server_address[1]}/x?X-Amz-Signature=1"
        try:
            with pytest.raises(OperationFailed, match=r"the certificate of 127.0.0.1:[0-9]+ is not good") as caught:
                channel.run(Batch((ReadBack(part="x", bytes=1),)), answer=lambda _asked: {"url": url})
        finally:
            channel.close()
            listening.shutdown()
            thread.join()

    assert "Signature" not in caught.value.message
