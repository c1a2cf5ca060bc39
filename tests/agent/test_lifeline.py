"""A line whose connection dies: the agent waits, the controller comes back, and both go on where they were."""

from __future__ import annotations

import ctypes
import dataclasses
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.waiting import until
from windlass import events
from windlass.agent.core import frames
from windlass.agent.core.lifeline import Lifeline
from windlass.errors import ConnectionFailed
from windlass.hosts.channel import Channel
from windlass.hosts.common.target import Target
from windlass.operations.build import SendFile
from windlass.operations.command import Run
from windlass.operations.file import File
from windlass.operations.gate import Instance
from windlass.operations.operation import LocalFile
from windlass.operations.watch import Watch
from windlass.operations.wire import Batch
from windlass.testing.local import LocalSession

HERE = Target(name="here", address="127.0.0.1", sudo=False, grace_seconds=20.0)


class Breaking(LocalSession):
    """A line that dies after so many bytes, in the middle of a frame, and whose processes do not notice."""

    sessions: list[Breaking]
    most_in: int
    most_out: int

    def __init__(self, target: Target, command: str) -> None:
        super().__init__(target, command)
        self.sessions.append(self)
        self.number = len(self.sessions)

    def receive(self, most: int) -> bytes:
        if self.number > 1 and self.number % 2 == 0:  # every second connection is good for nothing
            raise ConnectionResetError("reset by peer")
        left = self.most_in * self.number - self.received
        if left <= 0:
            raise ConnectionResetError("reset by peer")
        return super().receive(min(most, left))

    def send(self, data: bytes | bytearray) -> None:
        left = self.most_out * self.number - self.sent
        if len(data) > left:
            super().send(data[: max(0, left)])
            raise BrokenPipeError("broken pipe")
        super().send(data)

    def close(self) -> None:
        """As a connection that is reset from afar: nobody tells the agent."""


@pytest.fixture
def breaking() -> Iterator[type[Breaking]]:
    kind: type[Breaking] = type("BreakingHere", (Breaking,), {"sessions": [], "most_in": 1 << 40, "most_out": 1 << 40})
    yield kind
    for session in kind.sessions:
        LocalSession.close(session)


def test_streams_both_ways_arrive_whole_however_often_the_line_dies(breaking: type[Breaking], tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(6_000_000))
    breaking.most_in, breaking.most_out = 2_000_000, 1_500_000
    told: list[events.Event] = []
    received: list[bytes] = []
    count = Run(command=f"echo run >> {tmp_path}/ran")
    copy = File(path=str(tmp_path / "copy"), content=LocalFile.of(source), owner="", group="")

    channel = Channel(HERE, told.append, opener=breaking)
    channel.run(Batch((count, copy, SendFile(path=str(source)), count)), sink=lambda _stream, chunk: received.append(chunk))
    channel.close()

    assert (tmp_path / "copy").read_bytes() == source.read_bytes()
    assert b"".join(received) == source.read_bytes()
    assert (tmp_path / "ran").read_text() == "run\nrun\n"
    assert len(breaking.sessions) > 4
    assert "attached again after" in str(told)


def test_an_agent_that_is_gone_is_not_waited_for(breaking: type[Breaking], tmp_path: Path) -> None:
    channel = Channel(HERE, opener=breaking)
    kill = Run(command=f"kill -KILL $PPID; echo ran >> {tmp_path}/ran")

    with pytest.raises(ConnectionFailed, match="and could not be taken up again: its agent is gone"):
        channel.run(Batch((kill, kill)))


def knock(facts: dict[str, str], token: str) -> bytes:
    with socket.socket(socket.AF_UNIX) as door:
        door.settimeout(120)
        door.connect(facts["path"])
        door.sendall(frames.encode(frames.LINE, {"token": token, "heard": 0}))
        return door.recv(100)


def test_nobody_comes_in_without_the_token() -> None:
    channel = Channel(HERE, opener=LocalSession)
    door = channel._line._door

    assert knock(door, "0" * 32) == b""
    assert [path.stat().st_mode & 0o777 for path in (Path(door["path"]).parent, Path(door["path"]))] == [0o700, 0o600]
    assert channel.run(Batch((Run(command="echo still here"),)))[0].data["output"] == "still here\n"
    assert "token" not in str(channel.facts)
    channel.close()
    assert not Path(door["path"]).exists()


def test_an_agent_to_which_nobody_comes_back_ends() -> None:
    channel = Channel(dataclasses.replace(HERE, grace_seconds=0.5), opener=LocalSession)
    process = channel._line._session.process  # type: ignore[attr-defined]
    door = channel._line._door["path"]

    channel._line.hang_up()  # without a goodbye; the session waits for the process

    assert process.returncode == 0
    assert not Path(door).exists()


@pytest.mark.parametrize("waits", [True, False])
def test_an_agent_told_that_its_controller_is_dead_ends_at_once(*, waits: bool) -> None:
    """Python acts on a signal when its main thread goes on: one that comes to another, or just before it waits, wakes nobody."""
    channel = Channel(dataclasses.replace(HERE, grace_seconds=300.0), opener=LocalSession)
    process = channel._line._session.process  # type: ignore[attr-defined]

    (result,) = channel.run(Batch((Run(command="echo $PPID"),)))
    agent = int(result.data["output"])
    another = next(int(path.name) for path in Path(f"/proc/{agent}/task").iterdir() if path.name != str(agent))
    ctypes.CDLL(None).tgkill(agent, agent if waits else another, signal.SIGUSR1)

    assert process.wait(120) == 0, "of 300 s in which it would wait for its controller"
    channel.close()


def test_an_agent_that_was_stopped_for_long_begins_nothing_more_when_it_wakes(tmp_path: Path) -> None:
    """As a host that was suspended: what was under way has ended meanwhile, and nobody has been heard for longer than one waits."""
    channel = Channel(dataclasses.replace(HERE, grace_seconds=4.5), opener=LocalSession)
    process = channel._line._session.process  # type: ignore[attr-defined]
    first = Run(
        command=f"echo $PPID > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/agent; until test -e {tmp_path}/go; do sleep 0.01; done"
    )
    second = Run(command=f"touch {tmp_path}/second")
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(channel.run, Batch((first, second)))
        while not (tmp_path / "agent").exists() and not running.done():
            time.sleep(0.01)
        os.kill(int((tmp_path / "agent").read_text()), signal.SIGSTOP)
        (tmp_path / "go").touch()
        time.sleep(3.3)  # longer than it waits for a frame, at least
        os.kill(int((tmp_path / "agent").read_text()), signal.SIGCONT)
        with pytest.raises(ConnectionFailed):
            running.result()

    assert process.wait(120) == 0
    assert not (tmp_path / "second").exists()


def test_what_was_switched_is_watched_though_nobody_is_there_any_more(tmp_path: Path) -> None:
    """The controller is lost while the operation before is under way: the watch waits for nobody, and nothing follows it."""
    (tmp_path / "slots").mkdir()
    (tmp_path / "live").symlink_to("slots/green")
    (tmp_path / "log").touch()
    channel = Channel(dataclasses.replace(HERE, grace_seconds=300.0), opener=LocalSession)
    process = channel._line._session.process  # type: ignore[attr-defined]
    switch = Run(command=f"echo $PPID > {tmp_path}/agent; touch {tmp_path}/begun; until test -e {tmp_path}/go; do sleep 0.01; done")
    dead = Instance(name="web-0", run=f"{tmp_path}/web-0", folder="/", log=f"{tmp_path}/log")
    watch = Watch(root=str(tmp_path), instances=(dead,), before="blue", seconds=300.0)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(channel.run, Batch((switch, watch, Run(command=f"touch {tmp_path}/third"))))
        until((tmp_path / "begun").exists)
        process.stdin.close()
        (tmp_path / "go").touch()
        until(lambda: (tmp_path / "live").readlink().name == "blue")
        os.kill(int((tmp_path / "agent").read_text()), signal.SIGUSR1)
        assert isinstance(running.exception(), ConnectionFailed)

    assert process.wait(120) == 0
    assert not (tmp_path / "third").exists()


def test_a_pipe_gets_what_fits_at_once_and_whoever_else_has_it_may_still_wait_in_it() -> None:
    source, sink = os.pipe()
    line = Lifeline(os.open(os.devnull, os.O_RDONLY), sink, 0.0)
    content = os.urandom(3_000_000)
    got = bytearray()

    sender = threading.Thread(target=line.send, args=(content,))
    sender.start()
    while len(got) < len(content):
        got += os.read(source, 1 << 20)
    sender.join()

    assert got == content
    assert os.get_blocking(sink)
    line.open(lambda _kind, _body: None, lambda: None)
    line.end()
    os.close(sink)
    assert os.read(source, 1) == b"", "whoever reads it is told of its end"
