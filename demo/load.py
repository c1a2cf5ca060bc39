"""A load of keep-alive connections that counts every request that was not answered well. Runs as a process of its own.

    python -m demo.load --url http://192.0.2.10/ --connections 50 --out load.json      (ends on SIGTERM, or after --seconds)

Several --url share the connections. With --name they are asked by that name, and with --authority, a file with certificates, they
have to prove it as they would to a browser. Each connection sends its next request a moment after the last answer. A request is
lost if it got no answer, or another status than 2xx; nothing is tried twice, so nothing is hidden.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import json
import signal
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

ANSWER_LIMIT = 30.0  # seconds


@dataclass(slots=True)
class Tally:
    """What was sent and what came back. `lost` holds the first losses with their reasons, for a person to look at."""

    sent: int = 0
    answered: int = 0
    connections: int = 0
    releases: collections.Counter[str] = field(default_factory=collections.Counter)
    losses: collections.Counter[str] = field(default_factory=collections.Counter)
    slowest: float = 0.0
    total: float = 0.0

    @property
    def lost(self) -> int:
        return sum(self.losses.values())

    def document(self, seconds: float) -> dict[str, object]:
        return {
            "seconds": round(seconds, 3),
            "connections": self.connections,
            "requests": self.sent,
            "lost": self.lost,
            "losses": dict(self.losses),
            "releases": dict(self.releases),
            "mean_milliseconds": round(1000 * self.total / max(1, self.answered), 2),
            "slowest_milliseconds": round(1000 * self.slowest, 1),
        }


@dataclass(frozen=True, slots=True)
class Visit:
    """What each connection does: whom it asks, by which name, believing whom, and how long it waits in between (seconds)."""

    url: str
    name: str = ""
    trust: ssl.SSLContext | bool = True
    pause: float = 0.2


async def connection(visit: Visit, tally: Tally, stop: asyncio.Event) -> None:
    """One keep-alive connection, request after request."""
    limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=60)
    transport = httpx.AsyncHTTPTransport(verify=visit.trust, retries=0, limits=limits)
    async with httpx.AsyncClient(transport=transport, timeout=ANSWER_LIMIT, trust_env=False) as client:
        tally.connections += 1
        while not stop.is_set():
            await _request(client, visit, tally)
            await asyncio.sleep(visit.pause)


async def _request(client: httpx.AsyncClient, visit: Visit, tally: Tally) -> None:
    started = time.perf_counter()
    tally.sent += 1
    try:
        answer = await client.get(visit.url, headers=by_name(visit.name), extensions={"sni_hostname": visit.name or None})
    except httpx.HTTPError as error:
        tally.losses[f"{type(error).__name__}: {error}"] += 1
        return
    spent = time.perf_counter() - started
    if not answer.is_success:
        tally.losses[f"status {answer.status_code}"] += 1
        return
    tally.answered += 1
    tally.total += spent
    tally.slowest = max(tally.slowest, spent)
    tally.releases[answer.headers.get("x-release", "?")] += 1


def by_name(name: str) -> dict[str, str]:
    """The header that asks for a site by its name."""
    return {"Host": name} if name else {}


async def load(visits: Sequence[Visit], connections: int, seconds: float) -> tuple[Tally, float]:
    """Run until SIGTERM, SIGINT, or for so many seconds (0: without end); requests under way are finished."""
    tally, stop = Tally(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    started = time.monotonic()
    if seconds:
        asyncio.get_running_loop().call_later(seconds, stop.set)
    await asyncio.gather(*(connection(visits[number % len(visits)], tally, stop) for number in range(connections)))
    return tally, time.monotonic() - started


def main() -> None:
    parser = argparse.ArgumentParser(description="Send requests over keep-alive connections and count the lost ones.")
    parser.add_argument("--url", required=True, action="append", help="whom to ask; several share the connections")
    parser.add_argument("--name", default="", help="the name that they are asked by")
    parser.add_argument("--authority", type=Path, help="whose certificates to believe (PEM)")
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--pause", type=float, default=0.2, help="seconds between an answer and the next request")
    parser.add_argument("--seconds", type=float, default=0.0, help="how long; 0 means until SIGTERM")
    parser.add_argument("--out", type=Path, required=True, help="where to write the figures, as JSON")
    chosen = parser.parse_args()
    trust = ssl.create_default_context(cafile=chosen.authority)  # one for all connections: it takes long to read whom to believe
    visits = [Visit(url, chosen.name, trust, chosen.pause) for url in chosen.url]
    tally, spent = asyncio.run(load(visits, chosen.connections, chosen.seconds))
    chosen.out.write_text(json.dumps(tally.document(spent), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
