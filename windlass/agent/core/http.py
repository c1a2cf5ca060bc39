"""One request over HTTP, with certificates checked; where it goes is never told in full, for such addresses open doors."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Dict, Iterator, Optional, Union
from urllib.parse import urlsplit

from windlass.agent.core.outcome import OperationError

QUIET_LIMIT = 30.0  # seconds without a byte either way
BROKEN = (HTTPException, OSError)  # what a line that breaks raises, in all its forms
_ERROR_BYTES = 65536


class Refused(Exception):  # noqa: N818 - reads as what happened
    """The other side answered with a status that is not the wanted one; `code` is the store's own word for why."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__("status %d%s" % (status, " (%s)" % code if code else ""))
        self.status = status


def where(url: str) -> str:
    """The part of an address that may be shown."""
    return urlsplit(url).netloc.rpartition("@")[2]


@contextlib.contextmanager
def request(
    method: str, url: str, body: Union[bytes, bytearray, None], headers: Dict[str, str], wanted: int
) -> Iterator[HTTPResponse]:
    """The answer, its body not read yet. Raises Refused for another status than the wanted one, BROKEN when the line breaks,
    OperationError for a certificate that is not good, which no second try mends."""
    parts = urlsplit(url)
    connection = _connection(parts.scheme, parts.hostname or "", parts.port)
    try:
        connection.request(method, "%s?%s" % (parts.path, parts.query), body, dict(headers, Connection="close"))
        with _accepted(connection.getresponse(), wanted) as response:
            yield response
    except ssl.SSLCertVerificationError as error:
        message = "the certificate of %s is not good: %s" % (where(url), error.verify_message)
        raise OperationError(message, hint="is it the right address, and does this host know the CA?") from None
    finally:
        connection.close()


def _accepted(response: HTTPResponse, wanted: int) -> HTTPResponse:
    if response.status != wanted:
        raise Refused(response.status, _code(response.read(_ERROR_BYTES)))
    return response


def _connection(scheme: str, host: str, port: Optional[int]) -> HTTPConnection:
    if scheme == "https":
        return HTTPSConnection(host, port, timeout=QUIET_LIMIT, context=ssl.create_default_context())
    return HTTPConnection(host, port, timeout=QUIET_LIMIT)


def _code(body: bytes) -> str:
    found = re.search(rb"<Code>([A-Za-z0-9]{1,60})</Code>", body)
    return found.group(1).decode() if found else ""


def told(error: BaseException) -> str:
    """Why a request came to nothing, in a few words."""
    if isinstance(error, socket.timeout):
        return "it was silent for %.0f s" % QUIET_LIMIT
    return str(getattr(error, "strerror", "") or error or type(error).__name__)
