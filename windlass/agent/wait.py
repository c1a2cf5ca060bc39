"""How a host waits until something is so."""

from __future__ import annotations

import os
import re
import socket
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, Dict, Tuple

from windlass.agent.core.context import Context
from windlass.agent.core.outcome import OperationError, Outcome

LOOK_LIMIT = 5.0  # seconds for one look
LONGEST = 1 << 20  # bytes that are read of a file or an answer


def wait_for(arguments: Dict[str, Any], context: Context) -> Outcome:
    """Look again and again until it is so. Raises OperationError with what was seen last."""
    began = time.monotonic()
    limit = float(arguments["limit_seconds"])
    while True:
        is_so, seen = _look(arguments)
        if is_so is not arguments["absent"]:
            return Outcome(False, seen)
        if context.check:
            return Outcome(False, "would wait: %s" % seen)
        if time.monotonic() - began >= limit:
            raise OperationError(
                "still not so after %g s: %s" % (limit, seen),
                hint="see what should bring it about, or give it longer (limit_seconds)",
            )
        context.wait(float(arguments["every_seconds"]))


def _look(arguments: Dict[str, Any]) -> Tuple[bool, str]:
    if arguments["port"] is not None:
        return _port(arguments["address"] or "127.0.0.1", int(arguments["port"]))
    if arguments["path"]:
        return _path(arguments["path"], arguments["contains"])
    return _url(arguments["url"], arguments["statuses"], arguments["contains"])


def _port(address: str, port: int) -> Tuple[bool, str]:
    try:
        with socket.create_connection((address, port), timeout=LOOK_LIMIT):
            return True, "port %d of %s takes connections" % (port, address)
    except OSError as error:
        return False, "port %d of %s: %s" % (port, address, _words(error))


def _path(path: str, contains: str) -> Tuple[bool, str]:
    if not os.path.lexists(path):
        return False, "there is no %s" % path
    if not contains:
        return True, "%s is there" % path
    try:
        with open(path, "rb") as handle:
            handle.seek(max(0, os.path.getsize(path) - LONGEST))
            text = handle.read(LONGEST).decode("utf-8", "replace")
    except OSError as error:
        return False, "%s cannot be read: %s" % (path, _words(error))
    if re.search(contains, text, re.MULTILINE):
        return True, "%s contains %s" % (path, contains)
    return False, "%s (%d bytes) does not contain %s" % (path, len(text), contains)


def _url(url: str, statuses: Any, contains: str) -> Tuple[bool, str]:
    status, text = _answer(url)
    if status is None:
        return False, "%s: %s" % (url, text)
    if status not in statuses:
        return False, "%s answers with status %d: %s" % (url, status, _first_line(text))
    if contains and not re.search(contains, text, re.MULTILINE):
        return False, "%s answers with status %d, without %s: %s" % (url, status, contains, _first_line(text))
    return True, "%s answers with status %d" % (url, status)


def _answer(url: str) -> Tuple[Any, str]:
    """Status and text; no status, but the reason, where there is no answer. Redirects are followed."""
    is_own = urllib.parse.urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")
    proxies = urllib.request.ProxyHandler({} if is_own else None)
    secure = urllib.request.HTTPSHandler(context=ssl.create_default_context())
    try:
        with urllib.request.build_opener(proxies, secure).open(url, timeout=LOOK_LIMIT) as answer:
            return answer.status, answer.read(LONGEST).decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read(LONGEST).decode("utf-8", "replace")
    except Exception as error:  # whatever http.client makes of what is no answer
        return None, _words(getattr(error, "reason", error))


def _words(error: Any) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


def _first_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[0][:120] if lines else "(nothing)"
