"""Agents, hosts and frames that end in the middle: who is left does what is not done, once, and says what nobody knows."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.conftest import SILENCE, Heard, agents, lines, waiting
from tests.lab.conftest import TestHost
from tests.waiting import until
from windlass import events, lab
from windlass.errors import ConnectionFailed, OperationFailed
from windlass.hosts.common.session import Session
from windlass.hosts.common.target import Target
from windlass.hosts.many.fleet import Fleet, errors_of
from windlass.hosts.opening import open_over_ssh
from windlass.operations.command import Run
from windlass.operations.file import File
from windlass.operations.operation import LocalFile, Operation
from windlass.operations.wire import Batch
from windlass.values import new_run_id

pytestmark = pytest.mark.lab

FIRST = Run(command="echo first >> /root/chaos/ran")
GO = "until test -e /root/chaos/go; do sleep 0.05; done"
LOOKING = Run(command=f"echo looking >> /root/chaos/ran; {GO}; touch /root/chaos/made", creates="/root/chaos/made")
BLIND = Run(command=f"echo blind >> /root/chaos/ran; {GO}")
LAST = Run(command="echo last >> /root/chaos/ran")
KILL = "kill -KILL $(pgrep -f '^[^ ]*python3 .*windlass for' | head -1)"


def run(
    hosts: dict[str, TestHost], deed: Callable[[], object], *operations: Operation, grace: float = 20.0
) -> tuple[dict[str, object], Heard]:
    """The same journaled batch on both hosts; the deed is done while the second operation of one of them runs, and waits for go."""
    heard = Heard()
    hosts["other"].shell("touch /root/chaos/go")

    def when_it_runs() -> None:
        until(lambda: len(lines(hosts["broken"], "ran")) == 2)
        deed()

    heard.upon("broken", threading.Thread(target=when_it_runs).start)
    with Fleet([waiting(host, grace) for host in hosts.values()], heard) as both:
        outcomes = both.run(dict.fromkeys(hosts, Batch(operations, journal=new_run_id())))
    return dict(outcomes), heard


def test_an_agent_that_is_killed_is_followed_by_another(hosts: dict[str, TestHost], impatient: None) -> None:
    """What was finished is not done again; what looks first is; each operation is told once."""
    broken = hosts["broken"]

    def kill() -> None:
        broken.shell(KILL)
        until(lambda: lines(broken, "ran").count("looking") == 2)
        broken.shell("touch /root/chaos/go")

    outcomes, heard = run(hosts, kill, FIRST, LOOKING, LAST)

    assert errors_of(outcomes) == {}
    assert lines(broken, "ran") == ["first", "looking", "looking", "last"]
    assert "its agent is gone; another one goes on with what is not done" in "".join(heard.notes("broken"))
    assert heard.ended("broken") == ["changed"] * 3


def test_a_blind_command_whose_end_nobody_saw_is_not_run_again(hosts: dict[str, TestHost], impatient: None) -> None:
    """The host fails with what was begun and what to type; nothing after it is done; the other host is through."""
    broken = hosts["broken"]

    outcomes, _heard = run(hosts, lambda: broken.shell(f"{KILL}; touch /root/chaos/go"), FIRST, BLIND, LAST)

    failed = errors_of(outcomes)
    assert list(failed) == ["broken"]
    assert isinstance(failed["broken"], OperationFailed)
    assert "nobody knows how it ended" in failed["broken"].message
    assert "run setup anew" in failed["broken"].hint
    assert lines(broken, "ran") == ["first", "blind"]
    assert lines(hosts["other"], "ran") == ["first", "blind", "last"]


def test_a_host_that_loses_its_power_goes_on_after_its_boot(
    hosts: dict[str, TestHost], laboratory: lab.Lab, impatient: None
) -> None:
    """The journal is on the disk: what was finished stays, what looks first is done again, the rest follows."""
    broken = hosts["broken"]

    def pull_the_plug() -> None:
        lab.cut_power(broken.machine)
        lab.boot(laboratory, "broken", say=lambda _line: None)
        broken.shell("touch /root/chaos/go")

    outcomes, heard = run(hosts, pull_the_plug, FIRST, LOOKING, LAST, grace=45.0)

    assert errors_of(outcomes) == {}
    assert lines(broken, "ran") == ["first", "looking", "looking", "last"]
    assert "another one goes on" in "".join(heard.notes("broken"))


def test_a_frozen_host_fails_alone_and_does_nothing_more_when_it_wakes(hosts: dict[str, TestHost], impatient: None) -> None:
    """The others are through; the frozen one finishes the operation under way when it wakes, and its agent ends."""
    broken = hosts["broken"]
    try:
        outcomes, _heard = run(hosts, lambda: lab.freeze(broken.machine), FIRST, LOOKING, LAST, grace=10.0)
    finally:
        lab.thaw(broken.machine)
        broken.shell("touch /root/chaos/go")

    failed = errors_of(outcomes)
    assert list(failed) == ["broken"]
    assert isinstance(failed["broken"], ConnectionFailed)
    assert f"has said nothing for {SILENCE:.0f} s" in failed["broken"].message
    until(lambda: agents(broken) == [])
    assert lines(broken, "ran") == ["first", "looking"]


def test_a_hundred_megabytes_of_output_are_no_burden(hosts: dict[str, TestHost], impatient: None) -> None:
    """The result carries the end of it; the line stays fit for the next operation."""
    flood = Run(command="yes 'a line of a program that says too much' | head -c 100000000; echo the end")

    heard = Heard()

    with Fleet([waiting(hosts["broken"], 20.0)], heard) as fleet:
        outcomes = fleet.run({"broken": Batch((flood, LAST))})

    results = outcomes["broken"]
    assert isinstance(results, tuple)
    assert results[0].data["output"].endswith("the end\n")
    assert len(results[0].data["output"]) <= 65536
    assert sum(event.bytes_received for event in heard.events if isinstance(event, events.BatchEnded)) < 10_000_000
    assert lines(hosts["broken"], "ran") == ["last"]


@pytest.mark.parametrize("way", ["sshd is killed", "nothing is heard"])
def test_a_line_that_dies_in_the_midst_of_much_output_loses_no_end(way: str, hosts: dict[str, TestHost], impatient: None) -> None:
    """Half of it comes while nobody listens: the line is taken up again, the end of it is there, and it ran once."""
    broken, half = hosts["broken"], "yes 'a line of a program that says too much' | head -c 50000000"
    go = "touch /root/chaos/half; " + GO
    flood = Run(command=f"echo flood >> /root/chaos/ran; {half}; {go}; {half}; echo the end")
    heard = Heard()

    def cut() -> None:
        until(lambda: "half" in broken.shell("ls /root/chaos").split())
        if way == "nothing is heard":
            lab.cut_link(broken.machine)
        else:
            broken.shell("kill -KILL $(pgrep -f '^sshd: .*@notty')")
        broken.shell("touch /root/chaos/go")

    def opener(target: Target, command: str) -> Session:
        lab.mend_link(broken.machine)  # when the line is to be taken up again, at the latest
        return open_over_ssh(target, command)

    heard.upon("broken", threading.Thread(target=cut).start)
    with Fleet([waiting(broken, 20.0)], heard, opener) as fleet:
        outcomes = fleet.run({"broken": Batch((flood, LAST))})

    results = outcomes["broken"]
    assert isinstance(results, tuple)
    assert results[0].data["output"].endswith("the end\n")
    assert lines(broken, "ran") == ["flood", "last"]
    assert "attached again after" in "".join(heard.notes("broken"))
    until(lambda: agents(broken) == [])


class Torn:
    """A session that ends in the middle of a frame, when some was sent: half of it goes out, the deed is done, the rest is lost."""

    def __init__(self, session: Session, deeds: list[Callable[[], object]]) -> None:
        self._session = session
        self._deeds = deeds

    def send(self, data: bytes | bytearray) -> None:
        if self._session.sent > 8 << 20 and self._deeds:
            half = len(data) // 2
            self._session.send(data[:half])
            self._deeds.pop()()
            data = data[half:]
        self._session.send(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)


def test_a_torn_file_is_no_half_file(hosts: dict[str, TestHost], impatient: None, tmp_path: Path) -> None:
    """sshd dies while a file is on its way, in the middle of a frame: it is taken up again, and the file arrives whole."""
    broken = hosts["broken"]
    source = tmp_path / "source"
    source.write_bytes(os.urandom(1 << 20) * 24)
    content = LocalFile.of(source)
    heard = Heard()
    deeds: list[Callable[[], object]] = [lambda: broken.shell("kill -KILL $(pgrep -f '^sshd: .*@notty')")]

    with Fleet([waiting(broken, 20.0)], heard, lambda target, command: Torn(open_over_ssh(target, command), deeds)) as fleet:
        outcomes = fleet.run({"broken": Batch((File(path="/root/chaos/file", content=content), LAST))})

    assert errors_of(outcomes) == {}
    assert deeds == []
    assert broken.shell("sha256sum < /root/chaos/file").split()[0] == LocalFile.whole(content.path).checksum
    assert broken.shell("ls -A /root/chaos").split() == ["file", "ran"]
    assert lines(broken, "ran") == ["last"]
    assert "attached again after" in "".join(heard.notes("broken"))


class Lethal(Torn):
    """A session over which so many bytes go before the agent is killed."""

    def send(self, data: bytes | bytearray) -> None:
        self._session.send(data)
        if self._deeds and self._session.sent > 18 << 20:
            self._deeds.pop()()


def test_what_an_agent_had_received_when_it_was_killed_does_not_travel_again(
    hosts: dict[str, TestHost], impatient: None, tmp_path: Path
) -> None:
    broken = hosts["broken"]
    source = tmp_path / "source"
    source.write_bytes(os.urandom(1 << 20) * 24)
    content = LocalFile.of(source)
    deeds: list[Callable[[], object]] = [lambda: broken.shell(KILL)]
    sessions: list[Lethal] = []

    def opened(target: Target, command: str) -> Session:
        sessions.append(Lethal(open_over_ssh(target, command), deeds))
        return sessions[-1]  # type: ignore[return-value]  # but for sending it is one

    with Fleet([waiting(broken, 20.0)], opener=opened) as fleet:
        batch = Batch((File(path="/root/chaos/file", content=content), LAST), journal=new_run_id())
        outcomes = fleet.run({"broken": batch})

    assert errors_of(outcomes) == {}
    assert deeds == []
    assert sum(session.sent for session in sessions) < 36 << 20
    assert broken.shell("sha256sum < /root/chaos/file").split()[0] == LocalFile.whole(content.path).checksum
    assert broken.shell("ls -A /root/chaos /var/lib/windlass/arrivals").split() == [
        "/root/chaos:", "file", "ran", "/var/lib/windlass/arrivals:",
    ]  # fmt: skip


def test_an_operation_that_takes_longer_than_silence_may_last(hosts: dict[str, TestHost], impatient: None) -> None:
    """A slow host is not a dead one: pings are answered while it works."""
    slow = Run(command=f"sleep {SILENCE + 2:.0f}; echo slow >> /root/chaos/ran")

    with Fleet([waiting(hosts["broken"], 20.0)]) as fleet:
        outcomes = fleet.run({"broken": Batch((slow, LAST))})

    assert errors_of(outcomes) == {}
    assert lines(hosts["broken"], "ran") == ["slow", "last"]
