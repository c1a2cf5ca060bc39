"""A proxy in front of a server that speaks S3, which breaks what it is told to break."""

from __future__ import annotations

import contextlib
import http.client
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HELD_AT_MOST = 120.0  # seconds; only there so that a broken test ends


@dataclass(frozen=True)
class Request:
    """What is asked; `number` counts the requests of its kind (`PUT` of a part, `GET`, …) from 1."""

    method: str
    path: str
    number: int

    @property
    def is_part(self) -> bool:
        return self.method == "PUT" and "partNumber=" in self.path


Rule = Callable[[Request], str]


def nothing(_request: Request) -> str:
    return ""


@dataclass
class Faults:
    """What the proxy does to a request: `500`, `403`, `507` instead of an answer, `reset` in the middle of what is sent, `cut` off
    or `flip` a bit of what is sent, `lost` answer, `torn` answer, `slow`, `hold` until `go` is set. `seen` are all requests."""

    rule: Rule = nothing
    seen: list[Request] = field(default_factory=list)
    bytes_in: int = 0
    held: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)

    def reset(self) -> None:
        self.rule, self.bytes_in = nothing, 0
        self.seen.clear()
        self.held.clear()
        self.go.clear()

    def parts(self) -> list[Request]:
        return [each for each in self.seen if each.is_part]

    def judge(self, method: str, path: str) -> str:
        kind = [each for each in self.seen if each.method == method and each.is_part == ("partNumber=" in path and method == "PUT")]
        request = Request(method, path, len(kind) + 1)
        self.seen.append(request)
        return self.rule(request)


@contextlib.contextmanager
def proxy(upstream: int) -> Iterator[tuple[int, Faults]]:
    """Its port on all addresses, and what it shall do."""
    faults = Faults()

    class Handler(_Handler):
        told = faults
        target = upstream

    listening = ThreadingHTTPServer(("0.0.0.0", 0), Handler)  # noqa: S104 - hosts of the lab come here
    listening.daemon_threads = True
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    try:
        yield int(listening.server_address[1]), faults
    finally:
        faults.go.set()
        listening.shutdown()
        listening.server_close()


class _Handler(BaseHTTPRequestHandler):
    told: Faults
    target: int

    def do_PUT(self) -> None:
        self._pass()

    do_GET = do_HEAD = do_POST = do_DELETE = do_PUT  # noqa: N815 - the base class calls them so

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name in the base class
        """Tests read results."""

    def _pass(self) -> None:
        self.close_connection = True
        action = self.told.judge(self.command, self.path)
        length = int(self.headers.get("Content-Length") or 0)
        if action == "reset":
            self.rfile.read(length // 2)
            return self._tear()
        body = self._body(length, slow=action == "slow")
        self.told.bytes_in += len(body)
        if action == "hold":
            self.told.held.set()
            self.told.go.wait(HELD_AT_MOST)
        if action.isdigit():
            return self._refuse(int(action))
        if action == "flip":
            body = body[:1000] + bytes([body[1000] ^ 1]) + body[1001:]
        answer = self._forward(body[: length // 2] if action == "cut" else body)
        if action == "lost":
            return self._tear()
        return self._answer(*answer, torn=action == "torn")

    def _body(self, length: int, *, slow: bool) -> bytes:
        pieces = []
        while length:
            piece = self.rfile.read(min(length, 1 << 20 if slow else length))
            if not piece:
                break
            pieces.append(piece)
            length -= len(piece)
            time.sleep(0.02 if slow else 0)
        return b"".join(pieces)

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.target, timeout=60)
        headers = {
            key: value for key, value in self.headers.items() if key.lower() not in ("connection", "content-length", "expect")
        }
        if body or self.command in ("PUT", "POST"):
            headers["Content-Length"] = str(len(body))
        connection.request(self.command, self.path, body, headers)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return response.status, response.getheaders(), content

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes, *, torn: bool) -> None:
        self.send_response_only(status)
        for key, value in headers:
            if key.lower() not in ("connection", "transfer-encoding", "content-length") or (
                key.lower() == "content-length" and self.command == "HEAD"
            ):
                self.send_header(key, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(content)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if torn else content)

    def _refuse(self, status: int) -> None:
        body = {403: b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"}.get(
            status,
            b"<Error><Code>InsufficientStorage</Code></Error>" if status == 507 else b"<Error><Code>InternalError</Code></Error>",
        )
        self._answer(status, [("Content-Type", "application/xml")], body, torn=False)

    def _tear(self) -> None:
        """The line breaks, loudly."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
