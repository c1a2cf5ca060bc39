"""The small shell program that starts one process of a slot, whatever supervises it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from windlass.values import Secret

START_MARK = "--- windlass starts "  # the agent's gate.py looks for it, to show the words of the last start only
# Where a release keeps the programs that its dependencies brought, in front of the host's own.
PROGRAMS = 'PATH="$PWD/.venv/bin:$PWD/node_modules/.bin:$PATH"'

# The program inherits the lock and holds it until it has ended, in whatever way: the kernel frees it. Who comes next waits here.
LOCKED = ("exec 9>>{lock} || exit 1", "flock 9 || exit 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where a process has what.

    folder  the release
    run     the path that the files of the running instance begin with
    socket  the unix socket it will listen on; one left by a process that was killed would keep it from starting
    log     where its output goes; empty if the supervisor takes care of that
    lock    a file of which one process at a time may hold the lock; it counts as started once it does
    """

    folder: str
    run: str
    socket: str = ""
    log: str = ""
    lock: str = ""


def launcher(places: Places, command: str, variables: Mapping[str, str]) -> Secret:
    """The launcher's text: environment, process id, then `exec`, so that signals reach the program itself.

    command    as written in the inventory; a shell command, started by exec
    variables  environment of this process alone, stronger than the release's `.env`
    """
    lines = [
        "#!/bin/sh",
        "# Written by Windlass. Starts one process of a slot; the supervisor calls this.",
        "umask 0007",
        *([f"exec >> {shlex.quote(places.log)} 2>&1"] if places.log else []),
        f"cd {shlex.quote(places.folder)} || exit 1",
        "set -a",
        "[ -f .env ] && . ./.env",
        *(f"{name}={shlex.quote(value)}" for name, value in variables.items()),
        "set +a",
        f"export {PROGRAMS}",
        *([f"rm -f {shlex.quote(places.socket)}"] if places.socket else []),
        *(line.format(lock=shlex.quote(places.lock)) for line in LOCKED if places.lock),
        f"echo $$ > {shlex.quote(places.run)}.pid",
        f"printf x >> {shlex.quote(places.run)}.starts",
        f"echo {shlex.quote(START_MARK + places.folder)}",
        f"exec {command}",
    ]
    return Secret("\n".join(lines) + "\n")
