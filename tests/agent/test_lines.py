"""What goes wrong on the line: faults in the middle of a batch, nobody who reads, nobody who speaks, noise."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from windlass.agent.core import frames
from windlass.errors import AgentFailed, ConnectionFailed, OperationFailed
from windlass.hosts.agent import agent_modules, payload
from windlass.hosts.by_paramiko import detours
from windlass.hosts.channel import Channel
from windlass.hosts.common.target import Target
from windlass.operations.build import SendFile
from windlass.operations.command import Run
from windlass.operations.file import File
from windlass.operations.operation import LocalFile
from windlass.operations.wire import Batch, encode
from windlass.testing.local import LocalSession, local_channel
from windlass.values import Secret

NOBODY = Target(name="here", address="127.0.0.1", sudo=False)


@pytest.fixture
def big(tmp_path: Path) -> Path:
    path = tmp_path / "big"
    path.write_bytes(os.urandom(8_000_000))
    return path


class Saying(LocalSession):
    """A host that says something else than the agent would, and ends."""

    def __init__(self, script: str) -> None:
        super().__init__(NOBODY, script)
        self.process.wait(120)


def test_a_batch_broken_off_by_its_sink_leaves_nothing_for_the_next_one(big: Path) -> None:
    channel = local_channel()

    def full(_stream: int, _chunk: bytes) -> None:
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space left"):
        channel.run(Batch((SendFile(path=str(big)), Run(command="echo old"))), sink=full)
    with pytest.raises(ConnectionFailed, match="broken off"):
        channel.run(Batch((Run(command="echo new"),)))

    assert not channel.is_open
    channel.close()


def test_a_file_that_vanished_is_one_host_s_error_and_says_which(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text("x")
    content = LocalFile.of(source)
    source.unlink()
    channel = local_channel()

    with pytest.raises(OperationFailed, match="source cannot be sent: No such file"):
        channel.run(Batch((File(path=str(tmp_path / "copy"), content=content, owner="", group=""),)))

    assert [path.name for path in tmp_path.iterdir()] == []


def test_noise_instead_of_frames_is_an_error_of_that_host() -> None:
    with pytest.raises(AgentFailed, match="not the agent's"):
        Channel(NOBODY, opener=lambda _target, _command: Saying("echo WINDLASS READY; echo Segmentation fault"))


def test_a_host_that_ends_before_it_was_spoken_to_is_heard() -> None:
    refusal = "echo 'sudo: a password is required' >&2; exit 1"

    with pytest.raises(AgentFailed, match="does not let") as caught:
        Channel(NOBODY, opener=lambda _target, _command: Saying(refusal))

    assert caught.value.last_lines == ("sudo: a password is required",)


def test_a_terminal_takes_no_orders_from_a_host(channel: Channel, tmp_path: Path) -> None:
    path = tmp_path / "page"
    path.write_text("plain\n")
    escape = Run(command="printf '\\033]52;c;dHVsaXA=\\007red\\tcell\\n' >&2; exit 1")

    results = channel.run(
        Batch((escape, File(path=str(path), content="a\x9b2Jb\r\n", owner="", group="")), check=False, go_on=True)
    )

    assert results[0].last_lines == ("\\x1b]52;c;dHVsaXA=\\x07red\tcell",)
    assert results[1].diff.endswith("-plain\n+a\\x9b2Jb\\x0d")


def test_a_line_that_dies_while_sudo_is_asked_is_one_host_s_error() -> None:
    class Dying(LocalSession):
        def receive(self, _most: int) -> bytes:
            raise ConnectionResetError("reset by peer")

    with pytest.raises(ConnectionFailed, match="was lost: reset by peer"):
        Channel(dataclasses.replace(NOBODY, sudo_password=Secret("the tulip sleeps")), opener=Dying)


def test_a_python_that_is_too_old_is_named() -> None:
    with pytest.raises(AgentFailed, match=r"older than 3\.8") as caught:
        Channel(NOBODY, opener=lambda _target, _command: Saying("echo WINDLASS OLD-PYTHON 3.6; exit 1"))

    assert caught.value.last_lines == ("WINDLASS OLD-PYTHON 3.6",)


def agent() -> subprocess.Popen[bytes]:
    """The agent without a channel: frames are written and read by hand."""
    session = LocalSession(NOBODY, payload.start_command(sudo="", tag="test"))
    session.send(payload.payload())
    assert session.process.stdout
    while not os.read(session.process.stdout.fileno(), 15).endswith(payload.READY):
        pass
    return session.process


def give(process: subprocess.Popen[bytes], *what: bytes) -> None:
    assert process.stdin
    for each in what:
        process.stdin.write(each)


def take(process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
    def exactly(count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = os.read(process.stdout.fileno(), count - len(data))  # type: ignore[union-attr]
            assert piece
            data += piece
        return data

    return frames.read(exactly)


def call(*operations: SendFile | Run) -> bytes:
    modules = agent_modules.frame(agent_modules.for_operations(frozenset(each.kind() for each in operations)))
    return modules + frames.encode(frames.CALL, encode(Batch(tuple(operations))).body)


def release(process: subprocess.Popen[bytes], *, wait: bool = True) -> None:
    for pipe in (process.stdin, process.stdout, process.stderr):
        assert pipe
        pipe.close()
    assert not wait or process.wait(120) is not None


def test_the_agent_goes_although_nobody_reads_what_it_sends(big: Path) -> None:
    process = agent()
    give(process, call(SendFile(path=str(big))))
    while take(process)[0] != frames.DATA:
        pass

    assert process.stdin
    process.stdin.close()  # and its output, which nobody reads any more, stays open

    assert process.wait(120) == 0
    release(process)


def test_the_agent_finishes_what_it_is_at_when_the_controller_is_gone_and_begins_nothing_more(tmp_path: Path) -> None:
    process = agent()
    first = Run(command=f"touch {tmp_path}/begun; while ! test -e {tmp_path}/go; do sleep 0.05; done; touch {tmp_path}/first")
    give(process, call(first, Run(command=f"touch {tmp_path}/second")))
    while not (tmp_path / "begun").exists():
        time.sleep(0.05)

    release(process, wait=False)
    (tmp_path / "go").touch()

    assert process.wait(120) == 0
    assert (tmp_path / "first").exists()
    assert not (tmp_path / "second").exists()


def test_the_agent_listens_while_nobody_reads_what_it_sends(big: Path) -> None:
    process = agent()
    give(process, call(SendFile(path=str(big))))
    while take(process)[0] != frames.DATA:
        pass

    give(process, frames.encode(frames.PING, {}) * 3, frames.encode(frames.CANCEL, {}))
    kinds: list[bytes] = []
    while not kinds or kinds[-1] != frames.DONE:
        kind, body = take(process)
        kinds.append(kind)
        if kind == frames.RESULT:
            result = frames.decode(body)

    assert (result["status"], result["message"]) == ("failed", "interrupted")
    release(process)


def test_a_cancel_right_behind_a_call_ends_that_batch_and_not_the_next(tmp_path: Path) -> None:
    process = agent()
    take(process)

    waits = Run(command=f"while ! test -e {tmp_path}/go; do sleep 0.05; done")
    give(process, call(waits, Run(command="true")) + frames.encode(frames.CANCEL, {}) + frames.encode(frames.PING, {}))
    first = statuses_until(process, {frames.PING, frames.DONE}, heard=(tmp_path / "go").touch)
    give(process, call(Run(command="true")))

    assert first in (["changed", "skipped"], ["skipped", "skipped"])
    assert statuses_until(process, {frames.DONE}) == ["changed"]
    release(process)


def statuses_until(process: subprocess.Popen[bytes], ends: set[bytes], heard: Callable[[], None] = lambda: None) -> list[str]:
    """The results' statuses until a frame of each of these kinds has come; `heard` is called upon the answer to a ping."""
    statuses: list[str] = []
    while ends:
        kind, body = take(process)
        if kind == frames.RESULT:
            statuses.append(frames.decode(body)["status"])
        if kind == frames.PING:
            heard()  # what was sent before the ping has arrived, too
        ends = ends - {kind}
    return statuses


@pytest.mark.parametrize("noise", [b"\xff\xff\xff\xffC", b"\x00\x00\x00\x02D\x00\x00", b"\x00\x00\x00\x02C[]"])
def test_the_agent_ends_when_it_hears_noise(noise: bytes) -> None:
    process = agent()
    take(process)

    give(process, noise)

    assert process.wait(120) == 0
    release(process)


def test_a_file_name_that_is_no_text_can_be_shown(channel: Channel, tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"na\xefve")).write_text("x")

    (result,) = channel.run(Batch((Run(command=f"ls {tmp_path}; exit 3"),), go_on=True))
    (odd,) = channel.run(Batch((Run(command="true", folder=os.fsdecode(bytes(tmp_path) + b"/no\xefne")),), go_on=True))

    assert result.failed
    assert "no\\udcefne" in odd.message


def test_a_way_through_a_jump_host_that_takes_no_more_bytes_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detours, "SILENCE_LIMIT", 0.2)
    here, there = socket.socketpair()
    with here, there:
        here.settimeout(0.05)
        tunnel = detours.Tunnel(here)  # type: ignore[arg-type]  # a socket is what it stands for

        def send() -> None:
            while True:
                with contextlib.suppress(TimeoutError):  # upon which Paramiko tries again
                    tunnel.send(b"x" * 65536)

        with pytest.raises(OSError, match="takes no more bytes"):
            send()


@pytest.mark.parametrize("given", [b"", payload.payload()[:100]], ids=["nothing came", "a part of it came"])
def test_a_host_that_waits_in_vain_for_the_agent_ends_by_itself(given: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the line is cut without a word just then: nobody would ever close it."""
    monkeypatch.setattr(payload, "ARRIVES_WITHIN", 1)
    session = LocalSession(NOBODY, payload.start_command(sudo="", tag="test"))
    session.send(given)

    assert session.process.wait(60) == -signal.SIGALRM
    session.close()


def test_a_way_back_that_nobody_takes_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payload, "ARRIVES_WITHIN", 2)
    session = LocalSession(NOBODY, payload.start_command(sudo="", tag="test", words=("attach",)))
    session.send(payload.payload())

    assert session.process.wait(60) == -signal.SIGALRM
    session.close()
