"""Every operation on a real host: as root, through SSH, the real channel and the real agent."""

from __future__ import annotations

import itertools
import random
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.cases.case import Place, cases, go_through
from tests.lab import accounts, systems
from tests.lab.conftest import TestHost
from tests.lab.foresight import untrue
from tests.lab.grounds import Grounds, grounds
from tests.sharing import part_of
from windlass import events
from windlass.errors import OperationFailed
from windlass.hosts.channel import Channel
from windlass.operations.command import Run
from windlass.operations.directory import Directory
from windlass.operations.file import File
from windlass.operations.line import Line
from windlass.operations.link import Link
from windlass.operations.package import Package
from windlass.operations.service import Service
from windlass.operations.user import User
from windlass.operations.wire import Batch

pytestmark = pytest.mark.lab
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grounds]:
    with grounds(tmp_path_factory.mktemp("labs")) as made:
        yield made


@pytest.fixture
def part(request: pytest.FixtureRequest) -> str:
    """Which of the file's hosts a test is for."""
    return part_of(request.node.nodeid)


@pytest.fixture
def host(places: Grounds, part: str) -> TestHost:
    return places.host(part)


@pytest.fixture
def channel(places: Grounds, part: str) -> Channel:
    return places.channel(part)


def local_shell(script: str) -> str:
    return subprocess.run(["/bin/sh", "-ec", script], capture_output=True, text=True, check=True).stdout


def on_a_host() -> list[Any]:
    """All cases that need a host, and of each family one of the others: the real agent over pipes goes through all of those."""
    seen: set[str] = set()
    chosen: list[Any] = []
    for case in cases():
        family = str(case.id).partition(":")[0]
        needs_a_host = bool(case.values[0].get("only"))
        if needs_a_host or family not in seen:
            chosen.append(case)
        if not needs_a_host:
            seen.add(family)
    return chosen


@pytest.mark.parametrize("case", on_a_host())
def test_operation(case: Mapping[str, Any], host: TestHost, channel: Channel, tmp_path: Path) -> None:
    root = f"/srv/cases/{next(numbers)}"
    host.shell(f"mkdir -p {root}")

    go_through(case, Place(channel, host.shell, local_shell, root, str(tmp_path)))


@pytest.mark.parametrize("lot", range(6))
def test_a_check_says_what_the_run_does_to_accounts(lot: int, host: TestHost, channel: Channel) -> None:
    drawn = random.Random(lot)  # noqa: S311 - the same lots each time
    host.shell(f"{accounts.NOBODY_YET}; {drawn.choice(accounts.FURNITURE)}")
    batch = tuple(accounts.some_operations(drawn))

    assert untrue(channel.run(Batch(batch, check=True, go_on=True)), channel.run(Batch(batch, go_on=True))) == []


@pytest.mark.parametrize("lot", range(8))
def test_a_check_says_what_the_run_does_to_a_system(lot: int, host: TestHost, channel: Channel) -> None:
    drawn = random.Random(lot)  # noqa: S311 - the same lots each time
    host.shell(systems.SOURCE)  # cases take it away
    host.shell(drawn.choice(systems.FURNITURE))
    batch = tuple(systems.some_operations(drawn))

    try:
        assert untrue(channel.run(Batch(batch, check=True, go_on=True)), channel.run(Batch(batch, go_on=True))) == []
    finally:
        host.shell(systems.NOTHING_YET)  # apt does nothing where a package lacks another one


def test_check_on_a_bare_host_predicts_instead_of_failing(host: TestHost, channel: Channel) -> None:
    site = File(path="/etc/nginx/sites-available/shop", content="server {}\n", owner="windlass-shop")
    operations = (
        Package(names=("nginx-light",)),
        User(name="windlass-shop"),
        site,
        Link(path="/etc/nginx/sites-enabled/shop", target="../sites-available/shop"),
        Line(path="/etc/nginx/nginx.conf", match="^worker_processes", line="worker_processes 2;"),
        Run(command="nginx -s reload", run_on=(site,)),
        Service(name="nginx", reload_on=(site,)),
    )

    lists = host.shell("ls /var/lib/apt/lists/*Packages* 2>/dev/null || true")
    results = channel.run(Batch(operations, check=True))

    assert results[0].status == ("changed" if lists else "unknown")
    assert [result.status for result in results[1:]] == ["changed", "unknown", "unknown", "unknown", "changed", "unknown"]
    assert host.shell("ls -d /etc/nginx 2>/dev/null || id windlass-shop 2>/dev/null || true") == ""


def test_a_restart_that_is_owed_survives_a_failure_and_a_check(host: TestHost, channel: Channel) -> None:
    unit = "[Service]\\nExecStart=/bin/sleep 999\\n[Install]\\nWantedBy=multi-user.target\\n"
    host.shell(f"printf '{unit}' > /etc/systemd/system/windlass-owed.service; systemctl enable --quiet --now windlass-owed")
    configuration = File(path="/etc/windlass-owed.conf", content="a = 1\n")
    service = Service(name="windlass-owed", restart_on=(configuration,))
    before = host.shell("systemctl show --property MainPID windlass-owed")

    with pytest.raises(OperationFailed):
        channel.run(Batch((configuration, Run(command="false"), service)))
    first_check, second_check = (channel.run(Batch((configuration, service), check=True))[-1] for _ in range(2))
    assert host.shell("systemctl show --property MainPID windlass-owed") == before
    repaired = channel.run(Batch((configuration, service)))
    settled = channel.run(Batch((configuration, service)))

    assert [first_check.summary, second_check.summary] == ["restart", "restart"]
    assert [result.status for result in repaired] == ["ok", "changed"]
    assert [result.status for result in settled] == ["ok", "ok"]
    assert host.shell("systemctl show --property MainPID windlass-owed") != before


def test_the_first_drop_in_of_a_unit_is_noticed_even_by_the_run_after_a_failure(host: TestHost, channel: Channel) -> None:
    unit = "[Service]\\nExecStart=/bin/sleep 999\\n[Install]\\nWantedBy=multi-user.target\\n"
    names = ("windlass-first", "windlass-late")
    for name in names:
        host.shell(f"printf '{unit}' > /etc/systemd/system/{name}.service; systemctl enable --quiet --now {name}")
    folders = [Directory(path=f"/etc/systemd/system/{name}.service.d") for name in names]
    first, late = (File(path=f"{each.path}/own.conf", content="[Service]\nEnvironment=TULIP=84\n") for each in folders)
    services = [Service(name=name, restart_on=(file,)) for name, file in zip(names, (first, late), strict=True)]

    foreseen = channel.run(Batch((folders[0], first, services[0]), check=True))
    done = channel.run(Batch((folders[0], first, services[0])))
    with pytest.raises(OperationFailed):
        channel.run(Batch((folders[1], late, Run(command="false"), services[1])))
    repaired = channel.run(Batch((folders[1], late, services[1])))
    settled = channel.run(Batch((*folders, first, late, *services)))

    assert foreseen[-1].summary == done[-1].summary == "unit files read again, restart"
    assert repaired[-1].summary == "restart"
    assert [result.status for result in settled] == ["ok"] * 6
    for name in names:
        assert "TULIP=84" in host.shell(f"tr '\\0' '\\n' < /proc/$(systemctl show --property MainPID --value {name})/environ")


HOLD = """import fcntl, os, signal
descriptor = os.open("/var/lib/dpkg/lock-frontend", os.O_RDWR | os.O_CREAT)
fcntl.lockf(descriptor, fcntl.LOCK_EX)
open("/run/holder", "w").write(str(os.getpid()))
signal.pause()
"""


def hold_the_lock_of_dpkg(host: TestHost) -> None:
    host.shell(
        f"rm -f /run/holder; cat > /run/hold.py <<'EOF'\n{HOLD}EOF\n(setsid python3 /run/hold.py </dev/null >/dev/null 2>&1 &)"
    )
    host.shell("while ! test -s /run/holder; do sleep 0.1; done")


def test_packages_wait_for_whoever_holds_the_lock_of_dpkg(host: TestHost) -> None:
    host.shell("apt-get purge -qqy tree >/dev/null 2>&1 || true")
    hold_the_lock_of_dpkg(host)
    notes = []

    def release(event: events.Event) -> None:
        if isinstance(event, events.Note) and "waiting for python3" in event.text:
            notes.append(event.text)
            host.shell("kill $(cat /run/holder)")

    channel = Channel(host.target, listener=release)
    (result,) = channel.run(Batch((Package(names=("tree",)),)))
    channel.close()

    assert result.status == "changed"
    assert len(notes) == 1
    assert "/var/lib/dpkg/lock-frontend" in notes[0]


def test_packages_do_not_wait_for_ever_and_name_the_holder(host: TestHost, channel: Channel) -> None:
    host.shell("apt-get purge -qqy tree >/dev/null 2>&1 || true")
    hold_the_lock_of_dpkg(host)

    (result,) = channel.run(Batch((Package(names=("tree",), lock_seconds=0),), go_on=True))
    process_id = host.shell("cat /run/holder; kill $(cat /run/holder)")

    assert f"(process {process_id}) still holds /var/lib/dpkg/lock-frontend" in result.message


def test_everything_that_is_right_already_costs_one_round_trip(host: TestHost) -> None:
    operations = (
        Package(names=("coreutils",)),
        User(name="root"),
        File(path="/etc/hostname", mode=""),
        Service(name="ssh"),
        Run(command="true", creates="/etc"),
    )
    channel = Channel(host.target)

    results = channel.run(Batch(operations))
    trips = channel.round_trips
    channel.close()

    assert [result.status for result in results] == ["ok"] * 5
    assert trips == 2  # the hello with the facts, and the batch
