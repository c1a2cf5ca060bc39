"""The line breaks while an operation runs, and is taken up again: nothing runs twice, no output is lost, no agent stays behind."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.conftest import SILENCE, Heard, agents, lines, waiting
from tests.lab.conftest import TestHost
from tests.waiting import until
from windlass import lab
from windlass.errors import ConnectionFailed
from windlass.hosts.agent.results import Result
from windlass.hosts.channel import Channel
from windlass.hosts.common.session import Opener, Session
from windlass.hosts.common.target import Target
from windlass.hosts.many.fleet import Fleet, errors_of
from windlass.hosts.opening import open_over_ssh
from windlass.operations.command import Run
from windlass.operations.file import File
from windlass.operations.operation import LocalFile
from windlass.operations.tree import LocalTree, Tree
from windlass.operations.wire import Batch

pytestmark = pytest.mark.lab

SESSIONS = "pgrep -f '^sshd: .*@notty' || true"
RESET = """
nft add table inet cut
nft 'add chain inet cut input { type filter hook input priority -300; }'
nft add rule inet cut input tcp dport 22 reject with tcp reset
touch /root/chaos/cut
sleep 0.7
nft delete table inet cut
"""
# Half of its output comes when the line is cut for sure.
SLOW = Run(
    command="""echo one >> /root/chaos/ran
for n in $(seq 15); do echo line $n; done
until test -e /root/chaos/cut; do sleep 0.05; done
for n in $(seq 16 30); do echo line $n; sleep 0.1; done
until test -e /root/chaos/go; do sleep 0.05; done"""
)
THEN = Run(command="echo two >> /root/chaos/ran; echo then")


def run_and_break(
    hosts: dict[str, TestHost], deed: Callable[[], object], grace: float = 20.0, opener: Opener = open_over_ssh
) -> tuple[dict[str, object], Heard]:
    """The same batch on both hosts; the deed is done to one of them while its first operation runs. It waits for `cut` and `go`."""
    heard = Heard()
    heard.upon("broken", deed)
    hosts["other"].shell("touch /root/chaos/cut /root/chaos/go")
    with Fleet([waiting(host, grace) for host in hosts.values()], heard, opener) as both:
        outcomes = both.run(dict.fromkeys(hosts, Batch((SLOW, THEN))))
    return dict(outcomes), heard


def cut(host: TestHost) -> None:
    """The link, silently, for good."""
    lab.cut_link(host.machine)
    host.shell("touch /root/chaos/cut")


def output(outcome: object) -> str:
    assert isinstance(outcome, tuple), outcome
    first: Result = outcome[0]
    return str(first.data["output"])


WHOLE = "".join(f"line {n}\n" for n in range(1, 31))


def test_a_reset_link_is_taken_up_again(hosts: dict[str, TestHost], impatient: None) -> None:
    """The operation goes on meanwhile; the batch ends well, and each operation has run once."""
    hosts["broken"].shell("touch /root/chaos/go")
    outcomes, heard = run_and_break(hosts, lambda: hosts["broken"].shell(RESET))

    assert output(outcomes["broken"]) == output(outcomes["other"]) == WHOLE
    assert lines(hosts["broken"], "ran") == ["one", "two"]
    assert "attached again after" in "".join(heard.notes("broken"))
    until(lambda: agents(hosts["broken"]) == [])


def test_a_killed_sshd_does_not_end_the_operation(hosts: dict[str, TestHost], impatient: None) -> None:
    """All of sshd's processes for this login are killed; the agent goes on, and the next login takes the line up again."""
    broken = hosts["broken"]
    broken.shell("touch /root/chaos/go")
    outcomes, heard = run_and_break(hosts, lambda: broken.shell(f"kill -KILL $({SESSIONS}); touch /root/chaos/cut"))

    assert output(outcomes["broken"]) == WHOLE
    assert lines(broken, "ran") == ["one", "two"]
    assert "attached again after" in "".join(heard.notes("broken"))


def test_a_link_that_was_silent_for_a_while_is_taken_up_again(hosts: dict[str, TestHost], impatient: None) -> None:
    """Packets vanish until the controller has noticed, and calls again. The agent notices, too; the batch ends well."""
    broken = hosts["broken"]
    broken.shell("touch /root/chaos/go")
    called: list[str] = []

    def opener(target: Target, command: str) -> Session:
        called.append(target.name)
        if called.count("broken") == 2:
            lab.mend_link(broken.machine)
        return open_over_ssh(target, command)

    outcomes, heard = run_and_break(hosts, lambda: cut(broken), opener=opener)

    assert output(outcomes["broken"]) == WHOLE
    assert lines(broken, "ran") == ["one", "two"]
    assert f"has said nothing for {SILENCE:.0f} s; attached again after" in "".join(heard.notes("broken"))


def test_a_link_that_stays_cut_fails_that_host_alone(hosts: dict[str, TestHost], impatient: None) -> None:
    """The message says what and where; the host finishes the operation under way, begins no other, and no agent stays."""
    broken = hosts["broken"]
    try:
        outcomes, _heard = run_and_break(hosts, lambda: cut(broken), 10.0)
    finally:
        lab.mend_link(broken.machine)
        broken.shell("touch /root/chaos/go")

    failed = errors_of(outcomes)
    assert list(failed) == ["broken"]
    assert isinstance(failed["broken"], ConnectionFailed)
    assert f"was lost: it has said nothing for {SILENCE:.0f} s, and could not be taken up again" in failed["broken"].message
    assert "run the same again" in failed["broken"].hint
    assert output(outcomes["other"]) == WHOLE
    until(lambda: agents(broken) == [])
    assert lines(broken, "ran") == ["one"]


SIZE = 24 << 20


class Fraying:
    """A session that is cut for good when so many bytes have gone over it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def send(self, data: bytes | bytearray) -> None:
        self._session.send(data)
        if self._session.sent > SIZE * 0.9:
            self._session.close()
            raise OSError("cut")

    def __getattr__(self, name: str) -> object:
        return getattr(self._session, name)


def test_a_transfer_that_broke_off_for_good_is_gone_on_with_by_the_next_run(hosts: dict[str, TestHost], tmp_path: Path) -> None:
    broken = hosts["broken"]
    (tmp_path / "large").write_bytes(os.urandom(SIZE))
    batch = Batch((File(path="/root/chaos/large", content=LocalFile.of(tmp_path / "large")),))
    left, sent = broken_off_and_gone_on_with(broken, batch)

    assert ".part" in left
    assert sent < SIZE / 2
    assert broken.shell("sha256sum < /root/chaos/large").split()[0] == LocalFile.whole(tmp_path / "large").checksum
    assert broken.shell("ls -A /root/chaos /var/lib/windlass/arrivals").split() == [
        "/root/chaos:", "large", "/var/lib/windlass/arrivals:",
    ]  # fmt: skip


def test_files_of_a_tree_that_arrived_before_the_break_do_not_travel_again(hosts: dict[str, TestHost], tmp_path: Path) -> None:
    broken = hosts["broken"]
    (tmp_path / "tree").mkdir()
    for number in range(12):
        (tmp_path / "tree" / str(number)).write_bytes(os.urandom(SIZE // 12))
    left, sent = broken_off_and_gone_on_with(
        broken, Batch((Tree(path="/root/chaos/tree", source=LocalTree.of(tmp_path / "tree")),))
    )

    assert ".windlass-tree-tree." in left
    assert sent < SIZE / 2
    assert broken.shell("cat /root/chaos/tree/? /root/chaos/tree/?? | sha256sum").split()[0] == sum_of(tmp_path / "tree")
    assert broken.shell("ls -A /root/chaos").split() == ["tree"]


def sum_of(folder: Path) -> str:
    return hashlib.sha256(b"".join((folder / str(number)).read_bytes() for number in range(12))).hexdigest()


def broken_off_and_gone_on_with(broken: TestHost, batch: Batch) -> tuple[str, int]:
    """What the first run leaves when its line is cut for good near the end, and how many bytes the second sends."""
    calls: list[str] = []

    def once(target: Target, command: str) -> Session:
        calls.append(command)
        if len(calls) > 1:
            raise ConnectionFailed("nobody answers", host=target.name)
        return Fraying(open_over_ssh(target, command))  # type: ignore[return-value]  # but for sending it is one

    with pytest.raises(ConnectionFailed, match="could not be taken up again"):
        Channel(waiting(broken, 8.0), opener=once).run(batch)
    until(lambda: agents(broken) == [])
    left = broken.shell("ls -A /root/chaos")
    channel = Channel(broken.target)
    channel.run(batch)
    sent = channel.bytes_sent
    channel.close()
    return left, sent
