"""How a host fetches files itself."""

from __future__ import annotations

import contextlib
import hashlib
import os
import ssl
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Any, Dict, Generator

from windlass.agent.core import atomic, modules, ownership
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import Changes, OperationError, Outcome
from windlass.agent.file import metadata, need_folder, text_of

ATTEMPTS = 3
ASKING_LIMIT = 10.0  # seconds without a byte, in a check
LITTLE = 4 << 20  # bytes that a check looks at to their end
REHEARSAL = "windlass.agent.core.rehearsal"  # comes for a check
QUIET_LIMIT = 30.0  # seconds without a byte
PERMANENT = (400, 401, 403, 404, 405, 410)


class _IncompleteError(Exception):
    """Fewer bytes than promised."""


def download(arguments: Dict[str, Any], context: Context) -> Outcome:
    """A file from an address, by its checksum."""
    path, foreseen = arguments["path"], context.foreseen(arguments["path"])
    if not foreseen:
        atomic.need_file_or_nothing(path)
    elif foreseen.is_folder():
        raise atomic.no_file(path, "a directory")
    changes = Changes()
    need_folder(changes, path, context)
    if foreseen.has(arguments["algorithm"], arguments["digest"]) if foreseen else _holds(path, arguments):
        metadata(changes, path, arguments["owner"], arguments["group"], arguments["mode"], foreseen)
        if changes and context.foresights:
            context.foresights.file(path, arguments, foreseen, None)
    else:
        changes.unknown = bool(foreseen and foreseen.is_unread())
        diff = "+%s from %s, %s %s" % (path, _shown(arguments["url"]), arguments["algorithm"], arguments["digest"][:12])
        changes.add("fetch", lambda: _fetch(arguments, context), diff)
        if context.foresights:
            context.foresights.need_owner(changes, arguments["owner"], arguments["group"])
            modules.get(REHEARSAL, context).rehearse(lambda: _try_out(changes, arguments), changes, context)
        _foresee(path, arguments, context)
    return changes.outcome(context.check)


def _foresee(path: str, arguments: Dict[str, Any], context: Context) -> None:
    before = context.foreseen(path)
    context.expect("path", path)
    if context.foresights and arguments["algorithm"] == "sha256":
        context.foresights.file(path, arguments, before, {"checksum": arguments["digest"]})
    elif context.foresights:
        context.foresights.whole(path)


def _holds(path: str, arguments: Dict[str, Any]) -> bool:
    if os.path.islink(path) or not os.path.isfile(path):
        return False
    digest = hashlib.new(arguments["algorithm"])
    with open(path, "rb") as handle:
        for chunk in iter(lambda: handle.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest() == str(arguments["digest"])


def _shown(url: str) -> str:
    """Without what follows a question mark: tokens hide there."""
    return url.partition("?")[0]


def _fetch(arguments: Dict[str, Any], context: Context) -> None:
    deadline = time.monotonic() + float(arguments["limit_seconds"])
    url = _shown(arguments["url"])
    for attempt in range(1, ATTEMPTS + 1):
        try:
            chunks = _checked(arguments, deadline)
            mode = ownership.mode_bits(arguments["path"], arguments["mode"])
            atomic.write(arguments["path"], chunks, mode, arguments["owner"], arguments["group"])
        except urllib.error.HTTPError as error:
            reason = "status %d" % error.code
            if error.code in PERMANENT:
                raise _not_given(url, reason) from error
        except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError, _IncompleteError) as error:
            reason = str(getattr(error, "reason", "") or error or type(error).__name__)
        else:
            return
        if attempt < ATTEMPTS:
            context.note("%s: %s, trying again" % (url, reason))
            context.wait(1.0 * attempt)
    raise OperationError(
        "%s could not be fetched: %s" % (url, reason),
        hint="check the host's way out: names, proxy, certificates (/etc/environment)",
    )


def _try_out(changes: Changes, arguments: Dict[str, Any]) -> None:
    """In a check, ask once, and look at what is little. Raises OperationError for what the run would not install."""
    taken, deadline = 0, time.monotonic() + float(arguments["limit_seconds"])
    try:
        with contextlib.closing(_checked(arguments, deadline, ASKING_LIMIT)) as chunks:
            for chunk in chunks:
                taken += len(chunk)
                if taken > LITTLE:
                    changes.unknown = True
                    break
    except urllib.error.HTTPError as error:
        if error.code in PERMANENT:
            raise _not_given(_shown(arguments["url"]), "status %d" % error.code) from error
        changes.unknown = True
    except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError, _IncompleteError):
        changes.unknown = True


def _not_given(url: str, reason: str) -> OperationError:
    return OperationError("%s was not given: %s" % (url, reason), hint="check the address and who may fetch it")


def _checked(arguments: Dict[str, Any], deadline: float, quiet: float = QUIET_LIMIT) -> Generator[bytes, None, None]:
    """The content piece by piece; an OperationError at its end if it is not the one that was wanted."""
    digest, length, promised = hashlib.new(arguments["algorithm"]), 0, None
    headers = {"User-Agent": "windlass", "Accept-Encoding": "identity"}
    request = urllib.request.Request(arguments["url"], headers=headers)  # noqa: S310 - the operation allows http, https and file
    for name, value in arguments["headers"].items():
        request.add_unredirected_header(name, text_of(value))
    with _opener().open(request, timeout=quiet) as response:
        promised = response.headers.get("Content-Length")
        for chunk in iter(lambda: response.read(1 << 18), b""):
            digest.update(chunk)
            length += len(chunk)
            if time.monotonic() > deadline:
                raise OperationError("the download took longer than %g s" % arguments["limit_seconds"], hint="raise limit_seconds")
            yield chunk
    if promised is not None and length < int(promised):
        raise _IncompleteError("%d of %s bytes came" % (length, promised))
    if digest.hexdigest() != arguments["digest"]:
        raise OperationError(
            "%s is not the file that was wanted: its %s is %s"
            % (_shown(arguments["url"]), arguments["algorithm"], digest.hexdigest()),
            hint="the file was changed at its source, or the checksum is of another version; nothing was installed",
        )


def _opener() -> urllib.request.OpenerDirector:
    """Proxies from the environment; certificates from SSL_CERT_FILE or what curl and others are told by the same file."""
    bundle = os.environ.get("SSL_CERT_FILE") or os.environ.get("CURL_CA_BUNDLE") or os.environ.get("REQUESTS_CA_BUNDLE")
    context = ssl.create_default_context(cafile=bundle or None)
    return urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
