"""Downloads over HTTP: broken answers are tried again, wrong ones are refused, and the way there is named."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from windlass.hosts.agent.results import Result
from windlass.hosts.channel import Channel
from windlass.operations.download import Download
from windlass.operations.wire import Batch
from windlass.values import Secret

CONTENT = b"tulips\n" * 100_000
NONE: Mapping[str, Secret] = {}
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Answers `/PLAN` by the words of the plan in turn: `ok`, `cut` (half of it), `404`, `503`, `moved` (to /ok)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []
        self.allowed: list[str | None] = []


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        words = self.path.partition("?")[0].strip("/").split("-")
        word = words[min(len(self.server.asked), len(words) - 1)]
        self.server.asked.append(self.path)
        self.server.allowed.append(self.headers["Authorization"])
        self.send_response({"404": 404, "503": 503, "moved": 302}.get(word, 200))
        body = CONTENT if word in ("ok", "cut") else b""
        if word == "moved":
            self.send_header("Location", "/ok")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if word == "cut" else body)

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def fetch(channel: Channel, server: Server) -> Callable[..., Result]:
    """Downloads from the server by a plan."""

    def get(plan: str, path: Path, checksum: str = SHA256, headers: Mapping[str, Secret] = NONE) -> Result:
        url = f"http://127.0.0.1:{server.server_address[1]}/{plan}"
        operation = Download(url=url, path=str(path), checksum=f"sha256:{checksum}", headers=headers, owner="", group="")
        return channel.run(Batch((operation,), go_on=True))[0]

    return get


@pytest.mark.parametrize("plan", ["ok", "cut-ok", "503-ok", "moved-ok"])
def test_what_was_wanted_arrives_whole(fetch: Callable[..., Result], tmp_path: Path, plan: str) -> None:
    result = fetch(plan, tmp_path / "f")

    assert (result.status, result.message) == ("changed", "")
    assert (tmp_path / "f").read_bytes() == CONTENT
    assert [entry.name for entry in tmp_path.iterdir()] == ["f"]


def test_headers_go_to_the_address_alone_and_not_where_it_redirects_to(
    fetch: Callable[..., Result], server: Server, tmp_path: Path
) -> None:
    result = fetch("moved-ok", tmp_path / "f", headers={"Authorization": Secret("Bearer tulip-84")})

    assert result.status == "changed"
    assert server.allowed == ["Bearer tulip-84", None]
    assert "tulip" not in repr(result)


def test_an_answer_that_will_not_change_is_not_asked_for_again(
    fetch: Callable[..., Result], server: Server, tmp_path: Path
) -> None:
    result = fetch("404?token=tulip-84", tmp_path / "f")

    assert "status 404" in result.message
    assert "tulip" not in repr((result.message, result.hint, result.last_lines))
    assert len(server.asked) == 1
    assert list(tmp_path.iterdir()) == []


def test_another_content_is_refused_at_once_and_nothing_is_left(
    fetch: Callable[..., Result], server: Server, tmp_path: Path
) -> None:
    result = fetch("ok", tmp_path / "f", "0" * 64)

    assert SHA256 in result.message
    assert len(server.asked) == 1
    assert list(tmp_path.iterdir()) == []


def test_answers_that_stay_broken_are_given_up(fetch: Callable[..., Result], server: Server, tmp_path: Path) -> None:
    result = fetch("cut", tmp_path / "f")

    assert f"{len(CONTENT) // 2} of {len(CONTENT)} bytes came" in result.message
    assert len(server.asked) == 3
    assert list(tmp_path.iterdir()) == []
