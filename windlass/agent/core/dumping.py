"""Which options pg_dump and zstd get: a choice by version, and by what this build of pg_dump can do."""

from __future__ import annotations

from typing import List, NamedTuple

from windlass.agent.core.guard import Guard
from windlass.agent.core.outcome import OperationError
from windlass.agent.core.postgres import SUPERUSER, Server

FIRST_WITH_ZSTD = 16
# Level 1 takes less than half of the processor that level 3 takes, on a host that has other things to do, and a dump is a
# tenth bigger at most.
SQUEEZE = ["nice", "-n", "10", "zstd", "-q", "-T0", "-1", "-c"]
FRAME = ["nice", "-n", "10", "zstd", "-q", "-T0", "-1", "-c"]  # what is compressed already gets a frame and a checksum alone


class Compression(NamedTuple):
    """How a dump is compressed: pg_dump's option, the zstd behind it, and what pg_dump did itself (empty for nothing).

    A dump is framed by zstd in either case, so that whoever restores it types the same.
    """

    option: str
    squeeze: List[str]
    inner: str


def compression(major: int, able: bool) -> Compression:
    """From version 16 on pg_dump compresses with zstd itself, if its build is `able` to: far less goes through the pipe, and what a
    drill puts on the disk is a tenth. Before, zstd does it all."""
    if major >= FIRST_WITH_ZSTD and able:
        return Compression("--compress=zstd:1", FRAME, "zstd")
    return Compression("--compress=0", SQUEEZE, "")


def compression_of(guard: Guard, server: Server) -> Compression:
    """The same for this server. Builds without libzstd exist, and pg_dump says so only when it is asked to compress."""
    return compression(server.major, server.major >= FIRST_WITH_ZSTD and _able(guard, server))


def _able(guard: Guard, server: Server) -> bool:
    ask = [server.program("pg_dump"), "--format=custom", "--compress=zstd:1", "--schema-only", "--exclude-schema=*"]
    try:  # it syncs what it writes, and fails where that cannot be
        guard.run(ask + ["--no-sync", "--no-password", "--file=/dev/null", "--dbname=postgres"], SUPERUSER, server.environment)
    except OperationError:
        guard.check()
        return False
    return True
