"""The engine without SSH: payload, frames, batches, streams, conditions, secrets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from windlass import events
from windlass.agent.command import LONGEST_OUTPUT
from windlass.errors import OperationFailed
from windlass.hosts.channel import Channel
from windlass.hosts.common.target import Target
from windlass.operations.command import Run
from windlass.operations.directory import Directory
from windlass.operations.file import File
from windlass.operations.operation import LocalFile
from windlass.operations.wire import Batch
from windlass.testing.local import LocalSession, local_channel
from windlass.values import HIDDEN, Command, Secret


def test_hello_tells_facts_and_costs_one_round_trip() -> None:
    channel = local_channel()

    assert channel.facts["user_id"] == os.getuid()
    assert channel.facts["hostname"] == os.uname().nodename
    assert channel.round_trips == 1
    channel.close()


def test_a_batch_of_any_length_costs_one_round_trip(channel: Channel, tmp_path: Path) -> None:
    files = tuple(File(path=str(tmp_path / f"f{n}"), content=f"{n}\n", owner="", group="") for n in range(50))
    trips = channel.round_trips

    first = channel.run(Batch(files))
    second = channel.run(Batch(files))

    assert [result.status for result in first] == ["changed"] * 50
    assert [result.status for result in second] == ["ok"] * 50
    assert channel.round_trips == trips + 2
    assert (tmp_path / "f7").read_text() == "7\n"


def test_check_changes_nothing_and_shows_the_difference(channel: Channel, tmp_path: Path) -> None:
    path = tmp_path / "greeting"
    path.write_text("hello\n")

    (result,) = channel.run(Batch((File(path=str(path), content="good day\n", owner="", group=""),), check=True))

    assert result.status == "changed"
    assert "-hello\n+good day" in result.diff
    assert path.read_text() == "hello\n"


def test_large_file_travels_once_in_a_stream(channel: Channel, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(9_000_000))
    operation = File(path=str(tmp_path / "copy"), content=LocalFile.of(source), owner="", group="")

    sent = [channel.bytes_sent]
    for expected in ("changed", "ok"):
        (result,) = channel.run(Batch((operation,)))
        assert result.status == expected
        sent.append(channel.bytes_sent)

    assert (tmp_path / "copy").read_bytes() == source.read_bytes()
    assert sent[1] - sent[0] > 9_000_000
    assert sent[2] - sent[1] < 2_000


def test_operation_waits_for_a_change_of_another(channel: Channel, tmp_path: Path) -> None:
    cause = File(path=str(tmp_path / "cause"), content="1", owner="", group="")
    effect = File(path=str(tmp_path / "effect"), content="2", owner="", group="", only_after=(cause,))

    first = channel.run(Batch((cause, effect)))
    (tmp_path / "effect").unlink()
    second = channel.run(Batch((cause, effect)))

    assert [result.status for result in first] == ["changed", "changed"]
    assert [result.status for result in second] == ["ok", "skipped"]
    assert not (tmp_path / "effect").exists()


def test_failure_says_what_where_and_what_to_do_and_stops_the_batch(channel: Channel, tmp_path: Path) -> None:
    bad = File(path=str(tmp_path / "no" / "such"), content="x", owner="", group="")
    later = File(path=str(tmp_path / "later"), content="x", owner="", group="")

    with pytest.raises(OperationFailed) as caught:
        channel.run(Batch((bad, later)))

    assert "there is no folder" in caught.value.message
    assert "add a Directory" in caught.value.hint
    assert caught.value.host == "here"
    assert not (tmp_path / "later").exists()


def test_a_secret_is_written_but_never_shown(channel: Channel, tmp_path: Path) -> None:
    operation = File(path=str(tmp_path / "s"), content=Secret("PASSWORD=tulip-84"), owner="", group="", mode="0600")

    (result,) = channel.run(Batch((operation,)))

    assert (tmp_path / "s").read_text() == "PASSWORD=tulip-84"
    assert (tmp_path / "s").stat().st_mode & 0o777 == 0o600
    assert "tulip" not in repr(result)


def test_long_output_is_cut_behind_the_masking_so_that_no_half_of_a_secret_is_left(channel: Channel) -> None:
    secret = Secret("tulip-84-hyacinth")
    words = f"printf '%s' tulip-84-hyacinth; head -c {LONGEST_OUTPUT - 8} /dev/zero | tr '\\0' x"

    (result,) = channel.run(Batch((Run(command=words),), secrets=(secret,)))

    assert len(result.data["output"]) == LONGEST_OUTPUT - 8 + len(HIDDEN)
    assert "cinth" not in result.data["output"]


def test_a_name_that_is_no_text_is_written_and_told_as_text(tmp_path: Path) -> None:
    """Bytes that are not UTF-8, orders to a terminal, the end of a line: also where it fails."""
    odd = os.fsdecode(b"odd\xff\n\x1b[31mred")
    told: list[events.Event] = []
    channel = Channel(Target(name="here", address="127.0.0.1", sudo=False), told.append, LocalSession)
    new, fails = File(path=f"{tmp_path}/{odd}", content="x\n", owner="", group=""), Directory(path=f"{tmp_path}/{odd}")
    with pytest.raises(OperationFailed) as caught:
        channel.run(Batch((new, fails)))
    channel.close()

    assert [os.fsencode(each.name) for each in tmp_path.iterdir()] == [b"odd\xff\n\x1b[31mred"]
    titles = [event.title for event in told if isinstance(event, events.OperationStarted | events.OperationEnded)]
    shown = f"file {tmp_path}/odd\\udcff\\n\\x1b[31mred"
    assert titles[:2] == [shown, shown]
    for text in (*titles, caught.value.message, caught.value.tried):
        assert text.encode().decode().replace("\n", "").isprintable()


def test_invalid_content_is_not_installed(channel: Channel, tmp_path: Path) -> None:
    path = tmp_path / "x.sh"
    path.write_text("true\n")
    operation = File(path=str(path), content="if\n", owner="", group="", validate=Command.of("/bin/sh", "-n", "%s"))

    with pytest.raises(OperationFailed, match="not valid"):
        channel.run(Batch((operation,)))

    assert path.read_text() == "true\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.sh"]
