"""The hosts on which operations are gone through: a bare one, and two whose apt knows a few packages only, one with databases."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.lab.suite.stock import furnished, silent
from windlass import lab
from windlass.hosts.channel import Channel
from windlass.hosts.many.fleet import Fleet
from windlass.testing.lab import TestHost, _target

KINDS: Final = {"databases": "data"}  # by part; PARTS in tests/sharing.py says which cases are gone through on which
# In Debian's own list apt looks through sixty thousand packages whenever something has changed, which takes longer than all else.
MIRROR: Final = """
export DEBIAN_FRONTEND=noninteractive
apt-get install -qqy --no-install-recommends git logrotate >/dev/null 2>&1
mkdir /srv/mirror; cd /srv/mirror; apt-get download -qq bc netcat-traditional rinetd tree >/dev/null
for each in *.deb; do
    dpkg-deb --field $each
    printf "Filename: ./$each\\nSize: $(stat -c %s $each)\\nSHA256: $(sha256sum $each | cut -d' ' -f1)\\n\\n"
done > Packages
rm -f /etc/apt/sources.list /etc/apt/sources.list.d/* /var/cache/apt/*.bin
printf 'Types: deb\\nURIs: file:/srv/mirror\\nSuites: ./\\nTrusted: yes\\n' > /etc/apt/sources.list.d/mirror.sources
apt-get update -qq
"""
MADE: Final = {"databases": MIRROR, "packages": MIRROR}


class Grounds:
    """A host for each part, booted when it is first needed, and a channel whose agent hears now and then that somebody is there."""

    def __init__(self, root: Path, stack: contextlib.ExitStack) -> None:
        self._root = root
        self._stack = stack
        self._there: dict[str, tuple[TestHost, Channel]] = {}

    def host(self, part: str) -> TestHost:
        return self._of(part)[0]

    def channel(self, part: str) -> Channel:
        return self._of(part)[1]

    def _of(self, part: str) -> tuple[TestHost, Channel]:
        if part not in self._there:
            host = self._boot(part)
            self._there[part] = host, self._stack.enter_context(Fleet([host.target])).channel(host.target.name)
        return self._there[part]

    def _boot(self, part: str) -> TestHost:
        spec = lab.LabSpec(f"operations-{part or 'bare'}", (lab.HostSpec(part or "bare"),))
        self._stack.callback(lab.down, spec.name, root=self._root, say=silent)
        kinds = {name: kind for name, kind in KINDS.items() if name == part}
        running = furnished(spec, self._root, kinds) if kinds else lab.up(spec, root=self._root, say=silent)
        (name,) = running.hosts
        host = TestHost(_target(running, name), running.hosts[name])
        host.shell(MADE.get(part, "true"))
        return host


@contextlib.contextmanager
def grounds(root: Path) -> Iterator[Grounds]:
    """All of them go when the block is left."""
    with contextlib.ExitStack() as stack:
        yield Grounds(root, stack)
