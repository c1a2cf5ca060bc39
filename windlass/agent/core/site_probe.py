"""Asking a site on its own host, as a visitor would: does it answer, how, and with which certificate?"""

from __future__ import annotations

import os
import socket
import ssl
import time
from typing import Any, Dict

LIMIT = 10.0  # seconds for one answer
SETTLE = 5.0  # seconds that a site has to answer as well as before
SILENT = "no answer within %g s" % LIMIT

# What a probe found: `status` (0: none) and, if there is none, `why`.
Answer = Dict[str, Any]
# Before a site that is new: what answers at its port is another one's, and need not be as good.
NEVER: Answer = {"status": 0, "why": ""}


def ask(probe: Dict[str, Any]) -> Answer:
    """One request for `/`."""
    if probe["certificate"] and not os.path.exists(probe["certificate"]):
        return {"status": 200, "why": ""}  # https comes with the certificate
    try:
        return {"status": _status(_exchange(probe, 16)), "why": ""}
    except socket.timeout:
        return {"status": 0, "why": SILENT}
    except ConnectionRefusedError:
        return {"status": 0, "why": "nothing listens at port %d" % probe["port"]}
    except (OSError, ValueError) as error:
        return {"status": 0, "why": str(error)}


def worse(probe: Dict[str, Any], before: Answer) -> str:
    """Why a site answers worse than before the change, after a while in which it may settle; empty if it does not."""
    deadline = time.monotonic() + SETTLE
    while True:
        why = _worse(before, ask(probe))
        if not why or time.monotonic() > deadline:
            return "%s:%d: %s" % (probe["name"] or "any name", probe["port"], why) if why else ""
        time.sleep(0.1)


def _worse(before: Answer, after: Answer) -> str:
    """A slow application is no fault of the site's, nor is one that is not there yet; no answer at all is."""
    if after["why"]:
        return "" if after["why"] == before["why"] == SILENT else after["why"]
    if after["status"] >= 500 and 0 < before["status"] < 500:
        return "answers %d, before it was %d" % (after["status"], before["status"])
    return ""


def differs(probe: Dict[str, Any], wanted: bytes) -> str:
    """Why the answer for `/` is not this page; empty if it is."""
    try:
        head, _, body = _exchange(probe, len(wanted) + 65536).partition(b"\r\n\r\n")
        status = _status(head)
    except (OSError, ValueError) as error:
        return str(error) or type(error).__name__
    if status != 200:
        return "it answers %d" % status
    return "" if body == wanted else "it answers with another page"


def _exchange(probe: Dict[str, Any], most: int) -> bytes:
    """One request and its answer, up to so many bytes."""
    secure = probe["certificate"] and os.path.exists(probe["certificate"])
    port = probe["port"] if secure or not probe["certificate"] else 80
    with socket.create_connection(("127.0.0.1", port), timeout=LIMIT) as plain:
        if not secure:
            return _asked(plain, probe["name"], most)
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # who signed it is no question of the site's; whether it is the one on the disk is
        with context.wrap_socket(plain, server_hostname=probe["name"] or None) as stream:
            if stream.getpeercert(binary_form=True) != _leaf(probe["certificate"]):
                raise ValueError("another certificate than in %s is served" % probe["certificate"])
            return _asked(stream, probe["name"], most)


def _leaf(path: str) -> bytes:
    with open(path, encoding="ascii") as handle:
        text = handle.read()
    end = "-----END CERTIFICATE-----"
    return ssl.PEM_cert_to_DER_cert(text[: text.index(end) + len(end)] + "\n")


def _asked(stream: socket.socket, name: str, most: int) -> bytes:
    """HTTP/1.0: the answer ends with the connection, and comes in one piece."""
    request = "GET / HTTP/1.0\r\nHost: %s\r\nUser-Agent: windlass\r\nConnection: close\r\n\r\n" % (name or "localhost")
    stream.sendall(request.encode())
    answer = b""
    while len(answer) < most:
        piece = stream.recv(65536)
        if not piece:
            break
        answer += piece
    if not answer:
        raise ValueError("the connection is closed without an answer, as for a name that no site has")
    return answer


def _status(head: bytes) -> int:
    words = head.split(b"\r\n", 1)[0].split()
    if len(words) < 2 or not words[1].isdigit():
        raise ValueError("the answer is not HTTP")
    return int(words[1])
