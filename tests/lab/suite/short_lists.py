"""apt's lists of packages without what no test asks for: apt goes through sixty thousand packages whenever it begins."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from windlass import lab
from windlass.testing.lab import shell

# What shipped environments and single tests ask of hosts that begin as kinds (stock.py), beside what roles of kinds want. Where apt
# says that it is `unable to locate` another one, that belongs here.
BESIDES: Final = (
    "age", "bc", "busybox-static", "cron", "dc", "docker-compose", "docker.io", "git", "htop", "logrotate", "netcat-traditional",
    "postgresql-client-15", "python3", "python3-venv", "redis-server", "rinetd", "rsync", "tree", "unattended-upgrades", "xz-utils",
)  # fmt: skip
NEEDS: Final = re.compile(r"^(?:Pre-)?Depends: (.*)$", re.MULTILINE)
GIVES: Final = re.compile(r"^Provides: (.*)$", re.MULTILINE)
NAME: Final = re.compile(r"(?:^|[,|])\s*([a-z0-9][a-z0-9.+-]*)")


def shorten(hosts: Mapping[str, lab.LabHost], wanted: Iterable[str]) -> None:
    """Leave these hosts, which are alike, the lists of what is installed there and of what is wanted, with all that it needs."""
    one = next(iter(hosts.values()))
    paths = shell(one, "ls /var/lib/apt/lists/*_Packages").split()
    there = shell(one, "dpkg-query --show --showformat '${Package}\\n'").split()
    lists = closure({path: shell(one, f"cat {path}") for path in paths}, {*wanted, *there, *BESIDES})
    for host in hosts.values():
        for path, text in lists.items():
            shell(host, f"cat > {path}.new; mv {path}.new {path}", given=text.encode())
        shell(host, "rm -f /var/cache/apt/*.bin; apt-cache gencaches")


def closure(lists: Mapping[str, str], wanted: Iterable[str]) -> dict[str, str]:
    """Of lists as apt has them, by their paths, those entries that are wanted by name, and what they need, whichever of several
    packages may meet it. What only recommends or suggests another one does not need it."""
    entries, providers = _read(lists)
    found: set[str] = set()
    left = list(wanted)
    while left:
        name = left.pop()
        if name in found:
            continue
        found.add(name)
        left += providers[name]
        left += (need for entry in entries[name] for line in NEEDS.findall(entry) for need in NAME.findall(line))
    return {path: "".join(f"{entry}\n\n" for entry in _entries(text) if _name(entry) in found) for path, text in lists.items()}


def _read(lists: Mapping[str, str]) -> tuple[Mapping[str, list[str]], Mapping[str, list[str]]]:
    """The entries of each package, and who provides what."""
    entries: dict[str, list[str]] = defaultdict(list)
    providers: dict[str, list[str]] = defaultdict(list)
    for text in lists.values():
        for entry in _entries(text):
            entries[_name(entry)].append(entry)
            for line in GIVES.findall(entry):
                for given in NAME.findall(line):
                    providers[given].append(_name(entry))
    return entries, providers


def _entries(text: str) -> Iterator[str]:
    return (entry for entry in text.strip("\n").split("\n\n") if entry)


def _name(entry: str) -> str:
    return entry.partition("\n")[0].removeprefix("Package: ")
