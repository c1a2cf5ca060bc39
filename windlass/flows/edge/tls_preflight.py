"""Before an authority is asked: does each name lead here, and can a token be fetched from outside? An attempt that fails at the
authority costs minutes and counts against its limits; this costs seconds and says what is wrong."""

from __future__ import annotations

import http.client
import queue
import secrets
import socket
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from windlass.errors import RefusedError
from windlass.flows.steps import all_of, until
from windlass.hosts.many.fleet import errors_of
from windlass.operations.command import Run
from windlass.operations.file import File
from windlass.operations.wire import Batch
from windlass.plans.certificates import CHALLENGES, PROGRAM, WEBROOT, Certificate, obstacles
from windlass.values import Command

if TYPE_CHECKING:
    from windlass.flows.workspace import Workspace
    from windlass.hosts.many.fleet import Fleet

LIMIT = 3.0  # seconds for a name server, and for a web server
REACH_LIMIT = 30.0  # seconds for the authority, with what a host needs to find its address

Resolver = Callable[[str], Sequence[str]]


def preflight(workspace: Workspace, fleet: Fleet, wanted: Sequence[Certificate]) -> None:
    """Put a token where the authority would look for its own and fetch it by every name at every address of it.

    In the lab, whose names no name server knows, a name leads to the hosts that serve it. Raises RefusedError with every
    reason; then nothing was asked of the authority.
    """
    issuers = {each.issuer.name for each in wanted}
    _make_sure_that_it_answers(fleet, issuers)
    token = secrets.token_hex(16)
    path = f"{CHALLENGES}windlass-{token}"
    place = f"{WEBROOT}{path}"
    all_of(fleet.run(dict.fromkeys(issuers, Batch((File(path=place, content=token),)))))
    try:
        found = until(
            lambda: [reason for each in wanted for reason in reasons(each, path, token, _resolver(workspace, each))],
            lambda found: not found,
            LIMIT,  # an nginx that was just told of its sites needs a moment
        )
    finally:
        all_of(fleet.run(dict.fromkeys(issuers, Batch((File(path=place, absent=True),)))))
    if found:
        raise RefusedError(
            f"no certificate is asked for: {found[0]}",
            last_lines=found,
            hint="the authority would refuse it: correct the name server's entries or what stands at port 80, and do it again",
        )


def _make_sure_that_it_answers(fleet: Fleet, issuers: Collection[str]) -> None:
    """Raises RefusedError with the hosts from which there is no way to the authority."""
    ask = Run(command=Command.of(PROGRAM, "reach"), name="reach the authority", changed=False, limit_seconds=REACH_LIMIT)
    failed = errors_of(fleet.run(dict.fromkeys(issuers, Batch((ask,)))))
    if not failed:
        return
    found = [f"{host}: {(error.last_lines or (error.message,))[-1]}" for host, error in failed.items()]
    raise RefusedError(
        f"no certificate is asked for: {', '.join(failed)} cannot reach the authority",
        last_lines=found,
        hint="let the host out to it (port 443), and see that its name is found there; `directory` of the role certificates is it",
    )


def reasons(wanted: Certificate, path: str, token: str, resolve: Resolver, port: int = 80) -> tuple[str, ...]:
    """What speaks against each name of a certificate, asked all at once."""
    with ThreadPoolExecutor(max(1, len(wanted.domains))) as pool:
        each = pool.map(lambda domain: _of_name(wanted, domain, (path, token, port), resolve), wanted.domains)
    return tuple(reason for found in each for reason in found)


def resolved(domain: str) -> tuple[str, ...]:
    """Every address of a name, of both families. Raises OSError where there is none or the name server is silent."""
    answers: queue.Queue[tuple[str, ...] | OSError] = queue.Queue()

    def ask() -> None:
        try:
            entries = socket.getaddrinfo(domain, 80, type=socket.SOCK_STREAM)
            answers.put(tuple(dict.fromkeys(str(entry[4][0]) for entry in entries)))
        except OSError as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()  # it has no limit of its own, and must not hold up the program's end
    try:
        answer = answers.get(timeout=LIMIT)
    except queue.Empty:
        raise TimeoutError(f"the name server was silent for {LIMIT:.0f} s") from None
    if isinstance(answer, OSError):
        raise answer
    return answer


def _resolver(workspace: Workspace, wanted: Certificate) -> Resolver:
    if workspace.lab is None:
        return resolved
    return lambda _domain: [host.address for host in wanted.hosts]


def _of_name(wanted: Certificate, domain: str, asked: tuple[str, str, int], resolve: Resolver) -> tuple[str, ...]:
    try:
        addresses = resolve(domain)
    except OSError as error:
        return obstacles(domain, {}, wanted.hosts, unresolved=error.strerror or str(error))
    return obstacles(domain, _fetched(domain, addresses, asked), wanted.hosts)


def _fetched(domain: str, addresses: Sequence[str], asked: tuple[str, str, int]) -> Mapping[str, str]:
    with ThreadPoolExecutor(max(1, len(addresses))) as pool:
        return dict(zip(addresses, pool.map(lambda address: _wrong(domain, address, *asked), addresses), strict=True))


def _wrong(domain: str, address: str, path: str, token: str, port: int) -> str:
    """What is wrong with fetching the token by this name at this address; empty if it came."""
    connection = http.client.HTTPConnection(address, port, timeout=LIMIT)
    try:
        connection.request("GET", path, headers={"Host": domain, "Connection": "close"})
        answer = connection.getresponse()
        body = answer.read(256).decode("utf-8", "replace")
    except TimeoutError:
        return f"port {port} was silent for {LIMIT:.0f} s: a firewall?"
    except (OSError, http.client.HTTPException) as error:
        return f"port {port} gives no answer: {error}"
    finally:
        connection.close()
    if answer.status == 200 and body.strip() == token:
        return ""
    to = answer.getheader("Location")
    said = f"status {answer.status}" + (f" and leads to {to}" if to else "")
    return f"something else answers there, with {said}, instead of the token that was put on the server"
