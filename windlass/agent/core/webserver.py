"""nginx as a program: what kind it is, whether it accepts its configuration, and whether it really took it."""

from __future__ import annotations

import os
import re
import time
from typing import List, NamedTuple, Set, Tuple

from windlass.agent.core import process

LOGS = "/var/log/nginx"
ERRORS = LOGS + "/error.log"
PID = "/run/nginx.pid"
TAKES = 30.0  # seconds until a reload shows in new workers
# nginx calls this a warning and goes on with the site that it read first: the other one is never asked.
SHADOWED = "conflicting server name"
_WHO = re.compile(r"^\d+#\d+: ")  # process and thread, which the log has and the journal may not have


def kind() -> str:
    """`listen`, `directive` or `hybrid`: how http2 is said, and which key exchange its OpenSSL knows."""
    said = process.must(["nginx", "-V"], limit=30).errors.decode("utf-8", "replace")
    if _version(r"nginx/([\d.]+)", said) < (1, 25, 1):
        return "listen"
    return "hybrid" if _version(r"built with OpenSSL ([\d.]+)", said) >= (3, 5) else "directive"


def _version(pattern: str, said: str) -> Tuple[int, ...]:
    found = re.search(pattern, said)
    return tuple(int(part) for part in found.group(1).split(".") if part) if found else (0,)


def refused(path: str = "") -> List[str]:
    """nginx's words about the configuration on the disk (or this file's); empty if it accepts it."""
    tested = process.run(["nginx", "-t"] + (["-c", path] if path else []), limit=60)
    lines = tested.errors.decode("utf-8", "replace").splitlines()
    words = [line for line in lines if "[emerg]" in line or SHADOWED in line]
    if tested.status == 0 and not any(SHADOWED in line for line in words):
        return []
    return words or tested.last_lines()


def load() -> List[str]:
    """Start nginx, or have it load what is on the disk; its words if it did not, and then it goes on as before.

    `nginx -s reload` is only a signal: that it worked shows in new workers, that it did not in the journal or the error log.
    """
    before = _workers()
    mark = _mark()
    verb = "reload" if before else "start"
    told = process.run(["systemctl", verb, "nginx"], limit=60)
    if told.status != 0:
        return _said_since(mark) or told.last_lines()
    deadline = time.monotonic() + TAKES
    while time.monotonic() < deadline:
        if _workers() - before and not any(_takes_requests(worker) for worker in before):
            return []
        words = _said_since(mark)
        if words:
            return words
        time.sleep(0.05)
    return ["nginx has no new workers %g s after it was told to load its configuration" % TAKES]


def _workers() -> Set[int]:
    """The processes of the running nginx's master; none where it does not run."""
    try:
        with open(PID, encoding="ascii") as handle:
            master = handle.read().strip()
        with open("/proc/%s/task/%s/children" % (master, master), encoding="ascii") as handle:
            return {int(child) for child in handle.read().split()}
    except (OSError, ValueError):
        return set()


def _takes_requests(worker: int) -> bool:
    """Whether an old worker has not yet been told to finish: until then it still answers by the old configuration."""
    try:
        with open("/proc/%d/cmdline" % worker, "rb") as handle:
            title = handle.read()
    except OSError:
        return False
    return bool(title) and b"shutting down" not in title


class _Mark(NamedTuple):
    """Where the journal and the error log of nginx end."""

    cursor: str
    size: int


def _mark() -> _Mark:
    shown = process.run(["journalctl", "--unit", "nginx", "--lines", "0", "--show-cursor", "--quiet"], limit=30).text
    size = os.stat(ERRORS).st_size if os.path.exists(ERRORS) else 0
    return _Mark(shown.partition("-- cursor: ")[2].strip(), size)


def _said_since(mark: _Mark) -> List[str]:
    """What kept it from loading its configuration. A port that is taken is tried again for a while, and may yet be had.

    An nginx that was started by systemd with an error log of its own tells that log alone what a reload came to.
    """
    after = ["--after-cursor", mark.cursor] if mark.cursor else []
    journal = process.run(["journalctl", "--unit", "nginx", "--output", "cat", "--quiet", *after], limit=30).text.splitlines()
    said = [line.partition("[emerg] ")[2] for line in [*journal, *_logged_since(mark.size)] if "[emerg]" in line]
    words = list(dict.fromkeys(_WHO.sub("", line) for line in said))
    return words if any("bind() to" not in line for line in words) else []


def _logged_since(size: int) -> List[str]:
    try:
        with open(ERRORS, "rb") as log:
            log.seek(size if os.fstat(log.fileno()).st_size >= size else 0)  # from the start where it was rotated
            return log.read(1 << 16).decode("utf-8", "replace").splitlines()
    except OSError:
        return []
