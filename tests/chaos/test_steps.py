"""What breaks at the edges of a run: while the hello is awaited, while content goes up, while output comes back, at the goodbye."""

from __future__ import annotations

import dataclasses
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.conftest import SILENCE, Heard, agents, lines, waiting
from tests.lab.conftest import TestHost
from tests.waiting import until
from windlass import lab
from windlass.errors import ConnectionFailed, OperationFailed
from windlass.hosts.agent import starting
from windlass.hosts.common.session import Opener, Session
from windlass.hosts.common.target import Target
from windlass.hosts.many import fleet as fleets
from windlass.hosts.many.fleet import Fleet, errors_of
from windlass.hosts.opening import open_over_ssh
from windlass.operations.command import Run
from windlass.operations.file import File
from windlass.operations.operation import LocalFile
from windlass.operations.wire import Batch
from windlass.values import new_run_id

pytestmark = pytest.mark.lab

DONE = Run(command="echo done >> /root/chaos/ran")
SESSIONS = "kill -KILL $(pgrep -f '^sshd: .*@notty')"
KILL = "kill -KILL $(pgrep -f '^[^ ]*python3 .*windlass for' | head -1)"
Deed = Callable[[TestHost], object]


def cut(host: TestHost) -> None:
    lab.cut_link(host.machine)


def freeze(host: TestHost) -> None:
    lab.freeze(host.machine)


def reset(host: TestHost) -> None:
    host.shell(SESSIONS)


def mended(host: TestHost) -> None:
    """Whatever was done to it."""
    lab.thaw(host.machine)
    lab.mend_link(host.machine)


@pytest.fixture
def broken(hosts: dict[str, TestHost]) -> Iterator[TestHost]:
    yield hosts["broken"]
    mended(hosts["broken"])
    until(lambda: agents(hosts["broken"]) == [])


class Breaking:
    """A session in which something is done to the host once, when so many bytes have been sent."""

    def __init__(self, session: Session, deeds: list[Callable[[], object]], sent: int) -> None:
        self._session = session
        self._deeds = deeds
        self._limit = sent

    def send(self, data: bytes | bytearray) -> None:
        if self._session.sent >= self._limit and self._deeds:
            self._deeds.pop()()
        self._session.send(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)


def breaking(name: str, deed: Callable[[], object], sent: int = 0) -> Opener:
    """Sessions to all hosts; in the first one to the named host the deed is done when so much has been sent."""
    deeds = [deed]

    def opened(target: Target, command: str) -> Session:
        session = open_over_ssh(target, command)
        return Breaking(session, deeds, sent) if target.name == name else session  # type: ignore[return-value]

    return opened


@pytest.mark.parametrize("deed", [cut, freeze])
def test_a_host_that_falls_silent_before_its_hello_fails_alone(
    deed: Deed, broken: TestHost, hosts: dict[str, TestHost], impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was given the agent, and says nothing any more: the others are done, and no agent is left there."""
    opener = breaking("broken", lambda: deed(broken))

    with Fleet([waiting(host, 10.0) for host in hosts.values()], opener=opener) as both:
        both.connect(["other"])  # in its own time; the one that is broken says nothing, however long it is waited for
        monkeypatch.setattr(starting, "START_LIMIT", 3.0)
        outcomes = both.run(dict.fromkeys(hosts, Batch((DONE,))))

    failed = errors_of(outcomes)
    assert list(failed) == ["broken"]
    assert isinstance(failed["broken"], ConnectionFailed)
    assert "has said nothing for 3 s" in failed["broken"].message
    assert "run the same again" in failed["broken"].hint
    mended(broken)
    until(lambda: agents(broken) == [])
    assert [lines(host, "ran") for host in hosts.values()] == [[], ["done"]]


@pytest.mark.parametrize("deed", [cut, freeze, reset])
def test_what_breaks_at_the_goodbye_breaks_nothing(
    deed: Deed, broken: TestHost, hosts: dict[str, TestHost], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All has been answered: nobody hears of it, and the agent ends by itself."""
    monkeypatch.setattr(fleets, "PING_EVERY", 0.3)
    heard = Heard()

    with Fleet([waiting(host, 6.0) for host in hosts.values()], heard) as both:
        outcomes = both.run(dict.fromkeys(hosts, Batch((DONE,))))
        deed(broken)

    assert errors_of(outcomes) == {}
    assert heard.notes("broken") == []
    assert [lines(host, "ran") for host in hosts.values()] == [["done"]] * 2


SIZE = 24 << 20


def test_a_host_that_loses_its_power_while_content_goes_up_has_the_rest_sent(
    broken: TestHost, laboratory: lab.Lab, impatient: None, tmp_path: Path
) -> None:
    """Another agent goes on by the journal; what was on the disk does not travel again, and nothing is left over."""
    (tmp_path / "source").write_bytes(os.urandom(SIZE))
    content = LocalFile.of(tmp_path / "source")
    sent: list[Session] = []

    def pull_the_plug() -> None:
        lab.cut_power(broken.machine)
        lab.boot(laboratory, "broken", say=lambda _line: None)

    opener = breaking("broken", pull_the_plug, SIZE * 3 // 4)

    def counted(target: Target, command: str) -> Session:
        sent.append(opener(target, command))
        return sent[-1]

    batch = Batch((File(path="/root/chaos/file", content=content), DONE), journal=f"{new_run_id()}.broken")
    with Fleet([waiting(broken, 45.0)], opener=counted) as fleet:
        outcomes = fleet.run({"broken": batch})

    assert errors_of(outcomes) == {}
    assert sum(session.sent for session in sent) < SIZE * 3 // 2
    assert broken.shell("sha256sum < /root/chaos/file").split()[0] == LocalFile.whole(content.path).checksum
    assert broken.shell("ls -A /root/chaos /var/lib/windlass/arrivals").split() == [
        "/root/chaos:", "file", "ran", "/var/lib/windlass/arrivals:",
    ]  # fmt: skip
    assert lines(broken, "ran") == ["done"]


# It goes on to speak until it is let go.
FLOOD = """echo flood >> /root/chaos/ran
until test -e /root/chaos/go; do
    yes 'a line of a program that says too much' | head -c 1000000
    touch /root/chaos/begun
done
echo the end"""


def patient_at_first() -> Opener:
    """Sessions of which the first may take its time; the others, which take the line up again, may not."""
    calls: list[str] = []

    def opened(target: Target, command: str) -> Session:
        calls.append(command)
        return open_over_ssh(dataclasses.replace(target, connect_seconds=10.0) if len(calls) == 1 else target, command)

    return opened


def flooded(broken: TestHost, deed: Callable[[], object], target: Target) -> object:
    """What becomes of a batch that says much, to which something is done in the midst of it."""
    heard = Heard()

    def when_it_speaks() -> None:
        until(lambda: "begun" in broken.shell("ls /root/chaos").split())
        deed()

    heard.upon("broken", threading.Thread(target=when_it_speaks).start)
    with Fleet([target], heard, patient_at_first()) as fleet:
        return fleet.run({"broken": Batch((Run(command=FLOOD), DONE), journal=f"{new_run_id()}.broken")})["broken"]


def test_a_host_that_freezes_while_output_comes_back_fails(broken: TestHost, impatient: None) -> None:
    """Awake again, the program may speak to its end, although nobody listens, and nothing is begun after it."""
    soon = dataclasses.replace(waiting(broken, 8.0), connect_seconds=2.0)
    outcome = flooded(broken, lambda: freeze(broken), soon)

    assert isinstance(outcome, ConnectionFailed)
    assert f"has said nothing for {SILENCE:.0f} s" in outcome.message
    assert "run the same again" in outcome.hint
    mended(broken)
    broken.shell("touch /root/chaos/go")
    until(lambda: agents(broken) == [])
    assert lines(broken, "ran") == ["flood"]


def test_output_of_a_killed_agent_s_command_is_not_asked_for_again(broken: TestHost, impatient: None) -> None:
    """It was run blindly, and nobody knows how it ended; what it says goes nowhere, and does not keep it from ending."""
    outcome = flooded(broken, lambda: broken.shell(f"{KILL}; touch /root/chaos/go"), waiting(broken, 20.0))

    assert isinstance(outcome, OperationFailed)
    assert "nobody knows how it ended" in outcome.message
    assert lines(broken, "ran") == ["flood"]
    until(lambda: broken.shell("pgrep -f 'say[s] too much' || true") == "")
