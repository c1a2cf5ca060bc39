"""Taking the parts of one file over HTTP from another host, each at an address of its own that is good once.

Addresses are 256 random bits that the controller draws. Plain HTTP: what comes is encrypted already, and its SHA-256 came by SSH.
The listener lives in the agent's process: it ends with the link to the controller, whatever ends that.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Dict, Iterator, Optional, Set, Tuple

from windlass.agent.core.context import Context
from windlass.agent.core.outcome import OperationError

QUIET_LIMIT = 30.0  # seconds without a byte of a part
PIECE = 1 << 18  # bytes
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

Expected = Dict[str, Any]  # number, bytes, sha256


class Receiver:
    """One file that arrives part by part, in order; `path` holds whole parts only, but for the one on its way."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._open: Dict[str, Expected] = {}
        self._spent: Set[str] = set()
        self._ends = [0]  # bytes of the file after each part that is safely there
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        self._server: Optional[ThreadingHTTPServer] = None

    def listen(self, address: str, port: int, wait_seconds: float, context: Context) -> None:
        """Begin; another file that is on its way is waited for, which is told. Raises OperationError."""
        deadline = time.monotonic() + wait_seconds
        told = False
        while self._server is None:
            try:
                self._server = _server(address, port, self)
            except OSError as error:
                if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                    hint = "does another backup take so long, or is the port somebody else's? the store's `port` gives another"
                    raise OperationError("cannot listen on port %d: %s" % (port, error.strerror), hint=hint) from None
                if not told:
                    context.note("waiting until another backup, or whoever else has port %d, lets it go" % port)
                    told = True
                context.wait(0.5)
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()

    def expect(self, token: str, part: Expected) -> None:
        """Let one part in, once: the next one, or the last one again, whose answer may have been lost. Raises OperationError."""
        with self._lock:
            if part["number"] not in (len(self._ends) - 1, len(self._ends)) or part["number"] < 1:
                raise OperationError("part %d is not the next one" % part["number"])
            self._open = {token: part}

    def take(self, token: str, length: int, body: Any) -> Tuple[int, str]:
        """The status and the word for what came to an address."""
        with self._lock:
            part = self._open.pop(token, None)
            if part is None:
                return (409, "AlreadyUsed") if token in self._spent else (404, "NoSuchAddress")
            self._spent.add(token)
            if length != part["bytes"]:
                return 400, "OtherLength"
            del self._ends[part["number"] :]
            return self._stored(part, _Pieces(body, length))

    def finish(self, name: str) -> Dict[str, Any]:
        """No further part: the file gets its name. How much it holds."""
        self.close()
        with self._lock:
            os.ftruncate(self._file, self._ends[-1])
            os.fsync(self._file)
            os.close(self._file)
            os.rename(self.path, name)
            return {"bytes": self._ends[-1], "parts": len(self._ends) - 1}

    def close(self) -> None:
        """Listen no longer."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _stored(self, part: Expected, body: Iterator[bytes]) -> Tuple[int, str]:
        """It counts only when all of it is on the disk and is what was announced."""
        start = self._ends[-1]
        try:
            digest = self._written(start, body)
            os.fsync(self._file)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, start)
                for _chunk in body:  # who still sends hears no answer, and would take a full disk for a broken line
                    pass
            return (507, "InsufficientStorage") if error.errno in FULL else (500, errno.errorcode.get(error.errno or 0, "Broken"))
        if digest != part["sha256"]:
            return 422, "OtherChecksum"
        self._ends.append(start + part["bytes"])
        return 200, ""

    def _written(self, at: int, body: Iterator[bytes]) -> str:
        digest = hashlib.sha256()
        for chunk in body:
            digest.update(chunk)
            view = memoryview(chunk)
            while view:
                count = os.pwrite(self._file, view, at)
                view, at = view[count:], at + count
        return digest.hexdigest()


class _Pieces:
    """What comes, up to a length or to where the line breaks off; one that has raised goes on where it was."""

    def __init__(self, body: Any, length: int) -> None:
        self._body = body
        self._left = length

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        chunk: bytes = self._body.read1(min(PIECE, self._left)) if self._left else b""
        if not chunk:
            raise StopIteration
        self._left -= len(chunk)
        return chunk


def _server(address: str, port: int, receiver: Receiver) -> ThreadingHTTPServer:
    """On the host's own address; where that is translated on its way here, on all of the same family. Raises OSError."""
    found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]

    class Server(ThreadingHTTPServer):
        address_family = found[0]
        daemon_threads = True
        block_on_close = False

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A line that breaks is noticed by who sends."""

    class Handler(BaseHTTPRequestHandler):
        timeout = QUIET_LIMIT

        def do_PUT(self) -> None:
            length = self.headers.get("Content-Length", "")
            status, code = receiver.take(self.path.split("?")[0].strip("/"), int(length) if length.isdigit() else -1, self.rfile)
            answer = ("<Code>%s</Code>" % code).encode() if code else b""
            self.close_connection = True
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.send_header("ETag", "stored")
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_words: Any) -> None:
            """Addresses open doors: none is written anywhere."""

    try:
        return Server((str(found[4][0]), port), Handler)
    except OSError as error:
        if error.errno != errno.EADDRNOTAVAIL:
            raise
        return Server(("", port), Handler)
