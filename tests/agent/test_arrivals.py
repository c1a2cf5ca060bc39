"""A large content whose transfer broke off: what has arrived stays, and the next run has the rest alone sent."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from windlass.agent.core import arrivals, atomic, frames
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import OperationError
from windlass.agent.file import file, received
from windlass.hosts.content.upload import Uploads

MIB = 1 << 20
CONTENT = os.urandom(8 * MIB)


@pytest.fixture(autouse=True)
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the host notes down what it has kept."""
    monkeypatch.setattr(arrivals, "STATE", str(tmp_path / "state"))
    monkeypatch.setattr(arrivals, "FOLDER", str(tmp_path / "state" / "arrivals"))
    return tmp_path / "state" / "arrivals"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "there").mkdir()
    return tmp_path / "there" / "target"


class Wire:
    """Between the controller's end of a transfer and the host's; it breaks when the host has taken so many bytes."""

    def __init__(self, source: Path, breaks_at: float = float("inf")) -> None:
        self.sent = 0
        self.checksum = hashlib.sha256(source.read_bytes()).hexdigest()
        self._taken = 0
        self._breaks_at = breaks_at
        self._uploads = Uploads({self.checksum: source}, self._to_host)
        self.context = Context(self._to_controller)

    def _to_controller(self, frame: bytes) -> None:
        kind, body = frame[4:5], frames.decode(frame[frames.HEADER_SIZE :])
        self._taken += body.get("bytes", 0)
        if self._taken >= self._breaks_at:
            self.context.cancelled.set()
        self._uploads.handle(kind, body)

    def _to_host(self, frame: bytes | bytearray) -> None:
        stream, chunk = frames.decode_data(memoryview(frame)[frames.HEADER_SIZE :])
        self.sent += len(chunk)
        self.context.arrived(stream, chunk)


def send(source: Path, place: Path, breaks_at: float = float("inf"), validate: list[str] | None = None) -> int:
    """How many bytes travelled."""
    wire = Wire(source, breaks_at)
    content = {"checksum": wire.checksum, "size": source.stat().st_size}
    arguments = {"path": str(place), "content": content, "owner": "", "group": "", "mode": "", "absent": False}
    file(dict(arguments, validate=validate, sensitive=False), wire.context)
    return wire.sent


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source").write_bytes(CONTENT)
    return tmp_path / "source"


def broken_off(source: Path, place: Path, at: int = 7 * MIB) -> list[Path]:
    """A transfer that breaks off; what is then in the folder."""
    with pytest.raises(OperationError, match="interrupted"):
        send(source, place, at)
    return list(place.parent.iterdir())


def test_the_next_run_sends_the_rest_and_leaves_nothing_behind(source: Path, place: Path, notes: Path) -> None:
    (kept,) = broken_off(source, place)

    assert kept.name.endswith(".part")
    assert kept.stat().st_mode & 0o777 == 0o600
    assert send(source, place) < 1.3 * MIB
    assert place.read_bytes() == CONTENT
    assert list(place.parent.iterdir()) == [place]
    assert list(notes.iterdir()) == []


def killed(source: Path, place: Path, at: int = 7 * MIB) -> list[Path]:
    """A transfer in whose middle the agent is killed; what is then in the folder."""
    process_id = os.fork()
    if process_id == 0:
        try:
            wire = Wire(source, at)
            setattr(wire.context.cancelled, "set", lambda: os.kill(os.getpid(), signal.SIGKILL))  # noqa: B010 - where it breaks
            content = {"checksum": wire.checksum, "size": len(CONTENT)}
            atomic.write(str(place), received(content, wire.context, home=str(place.parent)), 0o600)
        finally:
            os._exit(1)
    assert os.waitpid(process_id, 0)[1] == signal.SIGKILL
    return list(place.parent.iterdir())


def test_what_a_killed_agent_had_is_gone_on_with(source: Path, place: Path, notes: Path) -> None:
    (left,) = killed(source, place)

    assert left.stat().st_size > 4 * MIB
    assert send(source, place) < len(CONTENT) - 4 * MIB
    assert place.read_bytes() == CONTENT
    assert list(place.parent.iterdir()) == [place]
    assert list(notes.iterdir()) == []


def test_what_a_killed_agent_had_is_put_aside_by_other_transfers(source: Path, place: Path, notes: Path, tmp_path: Path) -> None:
    killed(source, place)
    (tmp_path / "other").write_bytes(os.urandom(MIB))

    send(tmp_path / "other", tmp_path / "elsewhere")

    assert [path.suffix for path in place.parent.iterdir()] == [".part"]
    assert [path.name for path in notes.iterdir()] == [hashlib.sha256(CONTENT).hexdigest()]


def test_the_larger_of_two_parts_stays(source: Path, place: Path, notes: Path) -> None:
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    (kept,) = broken_off(source, place)
    less = place.parent / ".target.abc"
    less.write_bytes(CONTENT[:MIB])
    (notes / f"{sha256}.1").symlink_to(less)

    arrivals.sweep()

    assert list(place.parent.iterdir()) == [kept]
    assert [path.name for path in notes.iterdir()] == [sha256]


def test_what_somebody_still_writes_is_left_alone(source: Path, place: Path, notes: Path) -> None:
    wire, writing = Wire(source), place.parent / ".target.abc"
    writing.write_bytes(CONTENT[:MIB])
    arriving = received({"checksum": wire.checksum, "size": len(CONTENT)}, wire.context, home=str(place.parent))
    arriving.begins(str(writing))

    arrivals.sweep()

    assert list(place.parent.iterdir()) == [writing]
    arriving.ends()
    assert list(notes.iterdir()) == []


def test_it_is_found_wherever_the_content_goes_next(source: Path, place: Path, tmp_path: Path) -> None:
    broken_off(source, place)

    assert send(source, tmp_path / "elsewhere") < 1.3 * MIB
    assert (tmp_path / "elsewhere").read_bytes() == CONTENT
    assert list(place.parent.iterdir()) == []


def test_breaking_off_again_early_keeps_the_larger_part(source: Path, place: Path) -> None:
    (kept,) = broken_off(source, place)
    size = kept.stat().st_size
    wire = Wire(source)
    wire.context.cancelled.set()
    arriving = received({"checksum": wire.checksum, "size": len(CONTENT)}, wire.context, home=str(place.parent))
    less = place.parent / "less"
    less.write_bytes(CONTENT[:MIB])

    assert not arriving.keeps(str(less))
    assert less.exists()
    assert kept.stat().st_size == size


def test_what_was_damaged_since_is_sent_again(source: Path, place: Path) -> None:
    (kept,) = broken_off(source, place)
    kept_bytes = kept.stat().st_size
    with kept.open("r+b") as handle:
        handle.seek(2 * MIB)
        handle.write(b"somebody was here")

    assert send(source, place) > len(CONTENT) - kept_bytes
    assert place.read_bytes() == CONTENT


def test_other_content_is_sent_whole_and_the_part_waits(source: Path, place: Path) -> None:
    (kept,) = broken_off(source, place)
    source.write_bytes(os.urandom(len(CONTENT)))

    assert send(source, place) == len(CONTENT)
    assert kept.exists()


def on_a_full_disk(source: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    real = os.statvfs

    def nearly_full(path: str) -> os.statvfs_result:
        values = list(real(path))
        values[4] = MIB // values[1]  # f_bavail
        return os.statvfs_result(values)

    monkeypatch.setattr(os, "statvfs", nearly_full)
    return send(source, place)


def test_where_both_have_no_room_the_part_goes(source: Path, place: Path, notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken_off(source, place)

    assert on_a_full_disk(source, place, monkeypatch) == len(CONTENT)
    assert list(place.parent.iterdir()) == [place]
    assert list(notes.iterdir()) == []


def changed_meanwhile(source: Path, place: Path) -> None:
    """What comes has another checksum than was said."""
    wire = Wire(source)
    source.write_bytes(CONTENT[:-1] + b"?")
    atomic.write(
        str(place), received({"checksum": wire.checksum, "size": len(CONTENT)}, wire.context, home=str(place.parent)), 0o600
    )


@pytest.mark.parametrize(
    ("deed", "words"),
    [(lambda source, place: send(source, place, validate=["false", "%s"]), "is not valid"), (changed_meanwhile, "arrived damaged")],
    ids=["not valid", "damaged"],
)
def test_only_what_broke_off_is_kept(source: Path, place: Path, deed: Callable[[Path, Path], object], words: str) -> None:
    with pytest.raises(OperationError, match=words):
        deed(source, place)

    assert list(place.parent.iterdir()) == []


def test_a_part_that_another_run_removes_meanwhile_is_read_to_its_end(source: Path, place: Path) -> None:
    (kept,) = broken_off(source, place)
    wire = Wire(source)
    chunks = iter(received({"checksum": wire.checksum, "size": len(CONTENT)}, wire.context, home=str(place.parent)))
    first = bytes(next(chunks))
    kept.unlink()

    assert first + b"".join(bytes(chunk) for chunk in chunks) == CONTENT


def test_a_link_or_a_pipe_in_its_place_is_not_opened(source: Path, place: Path, tmp_path: Path) -> None:
    (kept,) = broken_off(source, place)
    kept.unlink()
    kept.symlink_to(source)
    assert send(source, place) == len(CONTENT)

    place.unlink()
    broken_off(source, place)
    kept.unlink()
    os.mkfifo(kept)
    assert send(source, place) == len(CONTENT)


def test_old_ones_and_too_many_are_removed(source: Path, place: Path, notes: Path) -> None:
    broken_off(source, place)
    for number in range(arrivals.MOST + 2):
        part = place.parent / f"part{number}"
        part.touch()
        (notes / f"note{number}").symlink_to(part)
        os.utime(notes / f"note{number}", (number, number + 2**32), follow_symlinks=False)
    os.utime(notes / "note5", (0, 0), follow_symlinks=False)

    arrivals.sweep()

    assert sorted(path.name for path in notes.iterdir()) == sorted(f"note{number}" for number in (1, 2, 3, 4, 6, 7, 8, 9))
    assert sorted(path.name for path in place.parent.iterdir()) == sorted(f"part{number}" for number in (1, 2, 3, 4, 6, 7, 8, 9))


def test_what_is_small_is_not_kept(tmp_path: Path, place: Path) -> None:
    part = tmp_path / "part"
    part.write_bytes(b"x" * 1000)

    assert not arrivals.keep("a" * 64, str(part), str(place.parent))
    assert part.exists()
