"""A load of keep-alive connections that counts every request that was not answered well. Runs as a process of its own.

    python -m demo.load --url http://192.0.2.10/ --connections 50 --out load.json      (ends on SIGTERM, or after --seconds)

Each connection sends its next request a moment after the last answer. A request is lost if it got no answer, or another status
than 2xx; nothing is tried twice, so nothing is hidden.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import json
import signal
import time
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


async def connection(url: str, pause: float, tally: Tally, stop: asyncio.Event) -> None:
    """One keep-alive connection, request after request."""
    limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=60)
    transport = httpx.AsyncHTTPTransport(retries=0, limits=limits)
    async with httpx.AsyncClient(transport=transport, timeout=ANSWER_LIMIT, trust_env=False) as client:
        tally.connections += 1
        while not stop.is_set():
            await _request(client, url, tally)
            await asyncio.sleep(pause)


async def _request(client: httpx.AsyncClient, url: str, tally: Tally) -> None:
    started = time.perf_counter()
    tally.sent += 1
    try:
        answer = await client.get(url)
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


async def load(url: str, connections: int, pause: float, seconds: float) -> tuple[Tally, float]:
    """Run until SIGTERM, SIGINT, or for so many seconds (0: without end); requests under way are finished."""
    tally, stop = Tally(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    started = time.monotonic()
    if seconds:
        asyncio.get_running_loop().call_later(seconds, stop.set)
    await asyncio.gather(*(connection(url, pause, tally, stop) for _ in range(connections)))
    return tally, time.monotonic() - started


def main() -> None:
    parser = argparse.ArgumentParser(description="Send requests over keep-alive connections and count the lost ones.")
    parser.add_argument("--url", required=True)
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--pause", type=float, default=0.2, help="seconds between an answer and the next request")
    parser.add_argument("--seconds", type=float, default=0.0, help="how long; 0 means until SIGTERM")
    parser.add_argument("--out", type=Path, required=True, help="where to write the figures, as JSON")
    chosen = parser.parse_args()
    tally, spent = asyncio.run(load(chosen.url, chosen.connections, chosen.pause, chosen.seconds))
    chosen.out.write_text(json.dumps(tally.document(spent), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
