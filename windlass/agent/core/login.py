"""Out of the login: some hosts end what a login leaves behind (`KillUserProcesses` of logind), and the end of the connection would
be that of the operation under way. A scope of our own, which systemd forgets when we end, is no part of any login."""

from __future__ import annotations

import os
from typing import Iterator, List

CONFIGURATION = "systemd/logind.conf"
PLACES = ("/etc", "/run", "/usr/local/lib", "/usr/lib")
YES = ("yes", "y", "true", "t", "on", "1")
QUIET = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_WRONLY, 0) for number in (1, 2)]


def leave() -> None:
    """Become no part of the login any more, where that matters. Who is not root stays: only root can."""
    if os.geteuid() == 0 and _ends_what_is_left():
        try:
            _move([str(process) for process in _ourselves()])
        except OSError:  # without systemd there is no logind either
            pass


def _move(processes: List[str]) -> None:
    """Have systemd take these into a scope. Raises OSError."""
    words = ["busctl", "--quiet", "--timeout=5", "call", "org.freedesktop.systemd1", "/org/freedesktop/systemd1"]
    words += ["org.freedesktop.systemd1.Manager", "StartTransientUnit", "ssa(sv)a(sa(sv))", "windlass-%s.scope" % processes[0]]
    words += ["fail", "1", "PIDs", "au", str(len(processes))] + processes + ["0"]
    os.waitpid(os.posix_spawnp(words[0], words, os.environ, file_actions=QUIET), 0)


def _ends_what_is_left() -> bool:
    for path in _files():
        try:
            with open(path, encoding="utf-8", errors="replace") as handle:
                settings = [line.partition("=") for line in handle]
        except OSError:
            continue
        if any(name.strip() == "KillUserProcesses" and value.strip().lower() in YES for name, _, value in settings):
            return True
    return False


def _files() -> Iterator[str]:
    for place in PLACES:
        path = os.path.join(place, CONFIGURATION)
        yield path
        try:
            yield from [os.path.join(path + ".d", name) for name in os.listdir(path + ".d")]
        except OSError:
            pass


def _ourselves() -> List[int]:
    """We, and sudo, which hands on to us what ends it."""
    found = [os.getpid()]
    process = os.getppid()
    while process > 1:
        with open("/proc/%d/stat" % process, encoding="utf-8", errors="replace") as handle:
            name, _, rest = handle.read().partition("(")[2].rpartition(")")
        if name != "sudo":
            break
        found.append(process)
        process = int(rest.split()[1])
    return found
