"""What a listener answers by https, and by http: asked for as a visitor does, at one address by one name."""

from __future__ import annotations

import http.client
import secrets
import socket
import ssl
from collections.abc import Sequence

from windlass.plans.certificates import HTTPS
from windlass.plans.grade import Answer

LIMIT = 10.0  # seconds for an answer
TOO_LONG = 8_300  # bytes; nginx takes 8 kB for a line unless told otherwise, and of much more it would not wait for the end

_Asked = tuple[str, str, str]  # what it is called, method, path


def answers(address: str, name: str, paths: Sequence[str], port: int = HTTPS) -> tuple[Answer, ...]:
    """Ask for the start page, for what surely is not there, for what a server refuses by itself, and for these paths.

    Nothing is asked that could change anything: a GET, or what the server answers before an application sees it.
    """
    asked: list[_Asked] = [
        ("the start page", "GET", "/"),
        ("an unknown path", "GET", unknown_path()),
        ("a method that the server itself refuses", "TRACE", "/"),
        ("an address that is too long", "GET", f"/{'x' * TOO_LONG}"),
        *((path, "GET", path) for path in paths),
    ]
    return tuple(_answer(address, name, each, port) for each in asked)


def unknown_path() -> str:
    """A path that no site has."""
    return f"/windlass-grade-{secrets.token_hex(8)}"


def _answer(address: str, name: str, asked: _Asked, port: int) -> Answer:
    called, method, path = asked
    connection = _Secure(address, name, port)
    try:
        connection.request(method, path, headers={"Host": name, "User-Agent": "windlass tls.grade", "Connection": "close"})
        answer = connection.getresponse()
        return Answer(called, answer.status, tuple(answer.headers.get_all("Strict-Transport-Security") or ()))
    except (OSError, http.client.HTTPException):
        return Answer(called, 0)
    finally:
        connection.close()


class _Secure(http.client.HTTPConnection):
    """To an address by another name; who signed the certificate is looked at elsewhere."""

    def __init__(self, address: str, name: str, port: int) -> None:
        super().__init__(address, port, timeout=LIMIT)
        self._name = name

    def connect(self) -> None:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        plain = socket.create_connection((self.host, self.port), timeout=LIMIT)
        try:
            self.sock = context.wrap_socket(plain, server_hostname=self._name)
        except BaseException:
            plain.close()
            raise


def redirect(address: str, name: str, path: str, port: int = 80) -> tuple[int, str]:
    """Status and target of what http answers; status 0 and why where nothing comes."""
    connection = http.client.HTTPConnection(address, port, timeout=LIMIT)
    try:
        connection.request("GET", path, headers={"Host": name, "Connection": "close"})
        answer = connection.getresponse()
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error) or type(error).__name__
    else:
        return answer.status, answer.getheader("Location") or ""
    finally:
        connection.close()
