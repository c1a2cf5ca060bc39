"""A large tree that stays as it was is known by its look; whatever is done to it, is found and put right."""

from __future__ import annotations

import os
import pwd
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from windlass.agent.core import host_memory, sums, tree_memory
from windlass.agent.core.tree_memory import Found, TreeMemory, look
from windlass.hosts.channel import Channel
from windlass.operations.local_tree import LocalTree
from windlass.operations.tree import Tree
from windlass.operations.wire import Batch

FEW = 2_000  # bytes of a call without a description, which has ten times as many
LIMIT = 30  # seconds


@pytest.fixture
def channel(channel: Channel) -> Channel:
    if os.geteuid():
        pytest.skip("only root's agent remembers")
    return channel


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    for number in range(250):
        folder = root / str(number % 5)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.txt").write_text(f"content {number:4}")
    (root / "link").symlink_to("0/0.txt")
    return root


def ran(channel: Channel, operation: Tree) -> tuple[str, int]:
    """What came of it, and how many bytes went to the host."""
    before = channel.bytes_sent
    (result,) = channel.run(Batch((operation,)))
    return result.status, channel.bytes_sent - before


def until_known(channel: Channel, operation: Tree) -> None:
    """What was made a moment ago is not known yet: its time could be that of a change to come."""
    deadline = time.monotonic() + LIMIT
    while ran(channel, operation)[1] > FEW:
        assert time.monotonic() < deadline, "it never is"
        time.sleep(0.05)


def change_and_set_back(target: Path) -> None:
    path = target / "3" / "3.txt"
    before = path.stat()
    path.write_text("CONTENT    3")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace(target: Path) -> None:
    path, other = target / "3" / "3.txt", target / "other"
    before = path.stat()
    other.write_text("CONTENT    3")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.rename(path)


def point_elsewhere(target: Path) -> None:
    (target / "link").unlink()
    (target / "link").symlink_to("0/5.txt")


CHANGES: list[Callable[[Path], object]] = [
    change_and_set_back,
    replace,
    point_elsewhere,
    lambda target: (target / "4" / "4.txt").unlink(),
    lambda target: (target / "4" / "new").write_text("surplus"),
    lambda target: (target / "4").chmod(0o700),
    lambda target: os.chown(target / "4", 0, 12345),
    lambda target: (target / "1" / "1.txt").chmod(0o600),
    lambda target: os.chown(target / "link", 12345, 12345, follow_symlinks=False),
    lambda target: os.chown(target, 12345, 12345),
    lambda target: (target / "4" / "4.txt").rename(target / "4" / "other"),
]


def what_is_there(root: Path) -> dict[str, object]:
    """Kind, mode, owner, group and content of all that is in a folder."""
    found: dict[str, object] = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        content = path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else ""
        found[str(path.relative_to(root))] = stat.filemode(status.st_mode), status.st_uid, status.st_gid, content
    return found


def test_whatever_is_done_to_a_tree_that_was_known_is_put_right(channel: Channel, tree: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    operation = Tree(source=LocalTree.of(tree), path=str(target), owner="0", group="0", delete=True)
    assert ran(channel, operation)[0] == "changed"
    made = what_is_there(target)
    for change in CHANGES:
        until_known(channel, operation)
        change(target)
        assert what_is_there(target) != made or change is CHANGES[-2], "the test changes nothing"

        assert ran(channel, operation)[0] == "changed"
        assert what_is_there(target) == made
        assert (target.stat().st_uid, target.stat().st_gid) == (0, 0)


def test_another_wish_is_not_what_was_known(channel: Channel, tree: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    wish = {"source": LocalTree.of(tree), "path": str(target), "owner": "0", "group": "0"}
    until_known(channel, Tree(**wish))

    assert ran(channel, Tree(**wish, directory_mode="0750"))[0] == "changed"
    assert ran(channel, Tree(**wish, file_mode="0600", directory_mode="0750"))[0] == "changed"
    (tree / "0" / "0.txt").write_text("new")
    assert ran(channel, Tree(**{**wish, "source": LocalTree.of(tree)}, file_mode="0600", directory_mode="0750"))[0] == "changed"
    assert (target / "0" / "0.txt").read_text() == "new"


def test_what_the_patterns_leave_out_may_change(channel: Channel, tree: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    operation = Tree(source=LocalTree.of(tree, exclude=["log"]), path=str(target), owner="0", group="0", delete=True)
    until_known(channel, operation)
    (target / "log").mkdir()
    (target / "log" / "today").write_text("a line")

    status, travelled = ran(channel, operation)

    assert (status, travelled < FEW) == ("ok", True)


def test_a_check_leaves_nothing_behind_and_uses_what_is_known(channel: Channel, tree: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    operation = Tree(source=LocalTree.of(tree), path=str(target), owner="0", group="0")
    note = Path(host_memory.place(str(target)) + tree_memory.AS_WANTED)
    until_known(channel, operation)
    note.unlink()

    checked = Batch((operation,), check=True)
    assert [channel.run(checked)[0].status for _ in range(3)] == ["ok"] * 3
    assert not note.exists()

    until_known(channel, operation)
    before = channel.bytes_sent
    assert channel.run(checked)[0].status == "ok"
    assert channel.bytes_sent - before < FEW


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree of root's, on a host that remembers nothing yet."""
    if os.geteuid():
        pytest.skip("only root's agent remembers")
    monkeypatch.setattr(host_memory, "FOLDER", str(tmp_path / "sums"))
    (tmp_path / "tree" / "folder").mkdir(parents=True)
    (tmp_path / "tree" / "folder" / "file").write_text("content")
    return tmp_path / "tree"


def memory_of(root: Path, owner: str = "") -> TreeMemory:
    return TreeMemory(str(root), {"source": {"skipped": tree_memory.NOTHING}, "owner": owner, "group": ""})


@pytest.mark.parametrize(
    ("mode", "owner", "later", "known"),
    [(0o644, 0, sums.SETTLED, True), (0o644, 0, 0, False), (0o664, 0, sums.SETTLED, False), (0o644, 12345, sums.SETTLED, False)],
    ids=["settled", "young", "others may write", "of another"],
)
def test_only_what_nobody_can_change_unseen_is_known(small: Path, mode: int, owner: int, later: int, *, known: bool) -> None:
    file = small / "folder" / "file"
    file.chmod(mode)
    os.chown(file, owner, owner)
    memory_of(small).keep(Found(str(small), look(str(small)).has, file.stat().st_ctime_ns + later + 1))

    assert memory_of(small).knows(look(str(small))) is known


def test_an_owner_whose_number_is_another_by_now_is_not_known(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Found(str(small), look(str(small)).has, time.time_ns() + 2 * sums.SETTLED)
    numbers = {"app": pwd.getpwuid(0)}
    monkeypatch.setattr(pwd, "getpwnam", numbers.__getitem__)
    memory_of(small, "app").keep(found)
    assert memory_of(small, "app").knows(found)

    numbers["app"] = pwd.getpwuid(1)
    assert not memory_of(small, "app").knows(found)
