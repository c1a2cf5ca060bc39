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
        return {"status": _status(probe), "why": ""}
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


def _status(probe: Dict[str, Any]) -> int:
    with socket.create_connection(("127.0.0.1", probe["port"]), timeout=LIMIT) as plain:
        if not probe["certificate"]:
            return _asked(plain, probe["name"])
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # who signed it is no question of the site's; whether it is the one on the disk is
        with context.wrap_socket(plain, server_hostname=probe["name"] or None) as stream:
            if stream.getpeercert(binary_form=True) != _leaf(probe["certificate"]):
                raise ValueError("another certificate than in %s is served" % probe["certificate"])
            return _asked(stream, probe["name"])


def _leaf(path: str) -> bytes:
    with open(path, encoding="ascii") as handle:
        text = handle.read()
    end = "-----END CERTIFICATE-----"
    return ssl.PEM_cert_to_DER_cert(text[: text.index(end) + len(end)] + "\n")


def _asked(stream: socket.socket, name: str) -> int:
    request = "GET / HTTP/1.1\r\nHost: %s\r\nUser-Agent: windlass\r\nConnection: close\r\n\r\n" % (name or "localhost")
    stream.sendall(request.encode())
    head = b""
    while b"\r\n" not in head:
        piece = stream.recv(4096)
        if not piece:
            raise ValueError("the connection is closed without an answer, as for a name that no site has")
        head += piece
    words = head.split(b"\r\n", 1)[0].split()
    if len(words) < 2 or not words[1].isdigit():
        raise ValueError("the answer is not HTTP")
    return int(words[1])
