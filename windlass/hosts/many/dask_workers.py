"""Workers of a Dask cluster: shards are its tasks, what happens comes back through its event log. The only place that knows Dask.

Dask runs a task again when its worker died, also one that was done already. The scheduler's event log says which hosts were done,
so they are not called again.
"""

from __future__ import annotations

import contextlib
import ipaddress
import pickle
import secrets
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from distributed.client import Client
from distributed.scheduler import KilledWorker
from distributed.worker import get_client, get_worker

from windlass.errors import UsageError
from windlass.hosts.many.shard import Ended, Message

CONNECT_LIMIT = 10  # seconds
TLS_HINT = (
    "set up TLS for the cluster (distributed.comm.tls in Dask's configuration), or say dask+tcp:// where the network is trusted"
)


def scheduler_address(url: str) -> str:
    """Dask's address for `dask://host:port`. Shards hold secrets, so that anything but this machine is asked with TLS;
    `dask+tcp://` says that the network is trusted, `tls://`, as Dask itself writes it, that there is TLS here as well.
    Raises UsageError."""
    parts = urlsplit(url)
    if parts.scheme not in ("dask", "dask+tcp", "tls") or not parts.hostname or not parts.port:
        raise UsageError(f"--executor {url}: an executor is written dask://scheduler:8786, or tls://scheduler:8786")
    plain = parts.scheme == "dask+tcp" or (parts.scheme == "dask" and _is_here(parts.hostname))
    return f"{'tcp' if plain else 'tls'}://{parts.hostname}:{parts.port}"


class DaskWorkers:
    """The workers that a scheduler has."""

    died = (KilledWorker,)

    def __init__(self, url: str) -> None:
        address = scheduler_address(url)
        try:
            self._client = Client(address, set_as_default=False, timeout=CONNECT_LIMIT)
        except (OSError, TimeoutError, ValueError, TypeError) as error:
            raise UsageError(f"{address} cannot be used: {error}", hint=TLS_HINT if address.startswith("tls") else "") from error
        try:
            self.workers = _usable_workers(self._client, url)
        except UsageError:
            self._client.close()
            raise
        self._name = f"windlass-{secrets.token_hex(8)}"
        self.executor = self._client.get_executor(pure=False)
        self.mailbox = DaskMailbox(self._name)

    def hear(self, handler: Callable[[Message], None]) -> None:
        self._client.subscribe_topic(self._name, lambda entry: handler(_unpacked(entry)))

    def interrupt(self) -> None:
        self._client.log_event(_stop(self._name), 1)

    def close(self) -> None:
        self._client.close()


class DaskMailbox:
    """Topics of the scheduler's event log: one for all that happens, one for each shard's hosts, one that says stop."""

    def __init__(self, name: str) -> None:
        self._name = name

    @contextlib.contextmanager
    def open(self, shard: int) -> Iterator[_DaskPost]:
        yield _DaskPost(self._name, f"{self._name}-{shard}", get_worker(), get_client())


class _DaskPost:
    def __init__(self, everything: str, kept: str, worker: Any, client: Any) -> None:
        self._everything = everything
        self._kept = kept
        self._worker = worker
        self._client = client

    def tell(self, message: Message) -> None:
        packed = pickle.dumps(message)
        if isinstance(message, Ended):  # the log keeps a thousand of each topic
            self._worker.log_event(self._kept, packed)
        self._worker.log_event(self._everything, packed)

    def earlier(self) -> Sequence[Message]:
        return [_unpacked(entry) for entry in self._client.get_events(self._kept)]

    def interrupted(self) -> bool:
        return bool(self._client.get_events(_stop(self._everything)))

    def at_the_end(self, leave: Callable[[], None]) -> None:
        """A worker outlives whoever gave it work; that the scheduler lost it is not noticed here."""


def _usable_workers(client: Any, url: str) -> int:
    addresses = list(client.scheduler_info(n_workers=-1)["workers"])
    if not addresses:
        raise UsageError(f"{url} has no workers", hint="start some: dask worker ADDRESS")
    exposed = [each for each in addresses if each.startswith("tcp://") and not _is_here(urlsplit(each).hostname or "")]
    if exposed and not url.startswith("dask+tcp:"):
        raise UsageError(f"secrets would travel to {exposed[0]} unencrypted", hint=TLS_HINT)
    return len(addresses)


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _stop(name: str) -> str:
    return f"{name}-stop"


def _unpacked(entry: tuple[float, bytes]) -> Message:
    message: Message = pickle.loads(entry[1])  # noqa: S301 - whoever can write there runs our code anyway
    return message
