"""Distance: a TCP proxy that holds every byte back for half a round trip, for the kernel has no netem.

    python -m benchmarks.peers.proxy MILLISECONDS ADDRESS:PORT:ADDRESS:PORT …      where it listens, and the host behind

It reads ahead no more than a socket's buffer would, so a sender feels the window of a long line. It says `ready` when it listens;
each line that it gets on standard input is answered with how often the flow has turned around since the last one, per target.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter

AHEAD = 1 << 20  # bytes on their way at most, in each direction
PIECE = 1 << 16


class Line:
    """One target. A flight is a change of direction from towards the host to back: what somebody waited for."""

    def __init__(self, delay: float, address: str, port: int, flights: Counter[str]) -> None:
        self._delay = delay
        self._to = (address, port)
        self._flights = flights

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._flights[self._to[0]] += 1  # the connection itself; it waits for its half as everything else
        await asyncio.sleep(self._delay)
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._to, limit=PIECE)
        except OSError:
            writer.close()
            return
        last = ["down"]
        await asyncio.gather(self._carry(reader, far_writer, "up", last), self._carry(far_reader, writer, "down", last))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: str, last: list[str]) -> None:
        pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(AHEAD // PIECE)
        delivering = asyncio.create_task(self._deliver(pieces, writer))
        loop = asyncio.get_running_loop()
        try:
            while data := await reader.read(PIECE):
                if way != last[0]:
                    last[0] = way
                    self._flights[self._to[0]] += way == "up"
                await pieces.put((loop.time() + self._delay, data))
        except OSError:
            pass
        await pieces.put((loop.time() + self._delay, b""))
        await delivering

    async def _deliver(self, pieces: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        gone = False
        while True:
            due, data = await pieces.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            try:
                if not data:
                    writer.close()
                    return
                if not gone:
                    writer.write(data)
                    await writer.drain()
            except OSError:
                gone = True  # go on taking, so that the other side is not held up


async def main(milliseconds: str, *lines: str) -> None:
    """Listen until standard input ends."""
    flights: Counter[str] = Counter()
    servers = []
    for line in lines:
        here, port, address, far = line.split(":")
        target = Line(float(milliseconds) / 2000, address, int(far), flights)
        servers.append(await asyncio.start_server(target.serve, here, int(port)))
    print("ready", flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(*(f"{address}={count}" for address, count in flights.items()), flush=True)
        flights.clear()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
