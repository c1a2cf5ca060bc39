"""Operations on packages, units, mounts and what else a system has that get into each other's way, drawn by lot."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Final

from windlass.errors import InventoryError
from windlass.operations.apt import AptHold, AptUpgrade
from windlass.operations.authorized_key import AuthorizedKeys
from windlass.operations.cron import Cron
from windlass.operations.directory import Directory
from windlass.operations.file import File
from windlass.operations.hostname import Hostname
from windlass.operations.kernel_module import KernelModule
from windlass.operations.locale import Locale
from windlass.operations.logrotate import Logrotate
from windlass.operations.mount import Mount, SwapFile
from windlass.operations.operation import Operation
from windlass.operations.package import Package, PackageFile
from windlass.operations.service import Service
from windlass.operations.sysctl import Sysctl
from windlass.operations.time_zone import TimeZone
from windlass.operations.tmpfiles import Tmpfiles
from windlass.operations.unit import SystemdTimer, SystemdUnit

HERE: Final = "/srv/windlass-system"
PACKAGES: Final = ("windlass-lot-a", "windlass-lot-b", "windlass-lot-c")
UNIT: Final = "windlass-lot.service"
WORKER: Final = "[Service]\nExecStart=/bin/sleep {}\n[Install]\nWantedBy=multi-user.target\n"
# A source of packages of which one needs another, and one suffers another beside it.
SOURCE: Final = rf"""
grep -qs windlass-lot-c /var/lib/apt/lists/*windlass-system* && test -e /etc/apt/sources.list.d/windlass-lot.sources && exit 0
rm -f /etc/apt/sources.list.d/windlass-*; mkdir -p {HERE}/debs/p/DEBIAN /var/lib/windlass; cd {HERE}/debs; : > Packages
form='Architecture: all\nMaintainer: A <a@example.org>\nDescription: x'; source=/etc/apt/sources.list.d/windlass-lot.sources
for each in 'a' 'b\nDepends: windlass-lot-a' 'c\nConflicts: windlass-lot-a'; do
    printf "Package: windlass-lot-$each\nVersion: 1.0\n$form\n" > p/DEBIAN/control
    deb=$(printf "$each" | head -1).deb
    printf '#!/bin/sh\n' > p/DEBIAN/postrm; chmod 755 p/DEBIAN/postrm
    dpkg-deb --build p $deb >/dev/null; rm p/DEBIAN/postrm
    sum=$(sha256sum $deb | cut -d' ' -f1)
    {{ cat p/DEBIAN/control; printf "Filename: ./$deb\nSize: $(stat -c %s $deb)\nSHA256: $sum\n\n"; }} >> Packages
done
printf 'Types: deb\nURIs: file:{HERE}/debs\nSuites: ./\nTrusted: yes\n' > $source
apt-get -qq -o APT::Get::List-Cleanup=0 -o Dir::Etc::SourceList=$source -o Dir::Etc::SourceParts=- update
"""
NOTHING_YET: Final = rf"""
touch /var/lib/windlass/apt-updated; apt-mark unhold {" ".join(PACKAGES)} >/dev/null 2>&1 || true
dpkg --force-all --purge {" ".join(PACKAGES)} >/dev/null 2>&1 || true; systemctl unmask --quiet {UNIT} || true
systemctl disable --quiet --now windlass-lot.service windlass-lot.timer 2>/dev/null || true
rm -rf /etc/systemd/system/windlass-lot*; systemctl daemon-reload; systemctl reset-failed
while mountpoint -q {HERE}/m; do umount {HERE}/m; done; : > /etc/fstab
for each in /etc/hostname /etc/fstab {HERE}/swap; do chattr -i $each 2>/dev/null || true; done
rm -rf {HERE}/m {HERE}/swap /run/windlass-lot /etc/*.d/*windlass-lot* /etc/modules-load.d/*windlass* /root/.ssh/authorized_keys
rm -f /etc/sysctl.d/*-windlass-*; echo 15 > /proc/sys/net/ipv4/tcp_retries2; echo LANG=C > /etc/default/locale
hostname operations; hostname > /etc/hostname; ln -sfn /usr/share/zoneinfo/Etc/UTC /etc/localtime; echo Etc/UTC > /etc/timezone
"""
FURNITURE: Final = (
    f"dpkg --install {HERE}/debs/a.deb {HERE}/debs/b.deb >/dev/null",
    f"dpkg --install {HERE}/debs/c.deb >/dev/null; apt-mark auto windlass-lot-c >/dev/null",
    f"mkdir -p {HERE}/m; echo 'tmpfs {HERE}/m tmpfs size=1m 0 0' > /etc/fstab; mount {HERE}/m",
    f"printf '{WORKER.format(998)}' > /etc/systemd/system/{UNIT}; systemctl enable --quiet --now {UNIT}",
    f"dpkg --unpack {HERE}/debs/a.deb >/dev/null",
    f"dpkg --force-depends --install {HERE}/debs/b.deb >/dev/null 2>&1 || true",
    f"systemctl mask --quiet {UNIT}; touch {HERE}/m; printf '# no end' > /etc/fstab; rm /etc/hostname /etc/timezone",
    f"ln -s /nowhere /etc/systemd/system/{UNIT}; ln -s no {HERE}/m; rm /etc/localtime; cp /usr/share/zoneinfo/UTC /etc/localtime",
    f"mkdir {HERE}/m; mount -t tmpfs -o ro tmpfs {HERE}/m; chattr +i /etc/hostname; printf 'LANG=de\\r\\n' > /etc/default/locale",
    f"touch {HERE}/swap; chattr +i {HERE}/swap; mkdir /run/windlass-lot; ln -s nowhere /root/.ssh/authorized_keys",
    "true",
)
KEYS: Final = tuple(f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{letter * 43}" for letter in "ab")


def _unit(lot: random.Random) -> Operation:
    content = WORKER.format(lot.choice((998, 999)))
    return SystemdUnit(name=UNIT, content=content, running=lot.choice((True, None)), enabled=lot.choice((True, None)), verify=False)


MAKERS: Final[tuple[Callable[[random.Random], Operation], ...]] = (
    lambda lot: Package(names=(lot.choice(PACKAGES),)),
    lambda lot: Package(names=(lot.choice(PACKAGES),), absent=True, purge=lot.random() < 0.3),
    lambda lot: PackageFile(path=f"{HERE}/debs/{lot.choice('abc')}.deb"),
    lambda lot: AptHold(names=(lot.choice(PACKAGES),), absent=lot.random() < 0.4),
    lambda _lot: AptUpgrade(names=("windlass-lot-a",)),
    _unit,
    lambda _lot: SystemdUnit(name=UNIT, absent=True),
    lambda lot: Service(name=UNIT, running=lot.choice((True, False, None)), enabled=lot.choice((True, False, None))),
    lambda lot: SystemdTimer(name="windlass-lot", command="/bin/true", calendar=lot.choice(("daily", "weekly"))),
    lambda lot: Mount(path=f"{HERE}/m", source="tmpfs", filesystem="tmpfs", options=(lot.choice(("size=1m", "size=2m")),)),
    lambda _lot: Mount(path=f"{HERE}/m", absent=True),
    lambda lot: File(path=f"{HERE}/m/f", content=lot.choice("xy")),
    lambda _lot: Directory(path=f"{HERE}/m"),
    lambda lot: SwapFile(path=f"{HERE}/swap", size=lot.choice(("1MB", "2MB")), active=None),
    lambda _lot: SwapFile(path=f"{HERE}/swap", absent=True),
    lambda lot: Tmpfiles(
        name="windlass-lot", lines=(lot.choice(("d /run/windlass-lot 0700", "f /run/windlass-lot 0600 - - - x")),)
    ),
    lambda lot: File(path="/run/windlass-lot", content=lot.choice("xy")),
    lambda lot: Logrotate(name="windlass-lot", paths=("/var/log/windlass-lot",), keep=lot.choice((3, 4))),
    lambda lot: Cron(name="windlass-lot", command="true", schedule=lot.choice(("@daily", "@weekly"))),
    lambda lot: Sysctl(name="net.ipv4.tcp_retries2", value=lot.choice((15, 12, 999, "0xc"))),
    lambda lot: KernelModule(name="windlass_lot", options=lot.choice(("", "x=1")), live=False, absent=lot.random() < 0.3),
    lambda lot: Hostname(name=lot.choice(("operations", "other"))),
    lambda lot: TimeZone(name=lot.choice(("Etc/UTC", "Europe/Berlin"))),
    lambda lot: Locale(default=lot.choice(("C", "C.UTF-8"))),
    lambda lot: AuthorizedKeys(user="root", keys=tuple(lot.sample(KEYS, lot.randrange(1, 3)))),
)


def some_operations(lot: random.Random) -> Iterator[Operation]:
    for _each in range(lot.randrange(4, 9)):
        try:
            yield lot.choice(MAKERS)(lot)
        except InventoryError:
            continue
