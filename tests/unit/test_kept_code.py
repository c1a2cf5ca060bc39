"""What `dataclass` writes, kept compiled: the second start makes the same classes without compiling, and trusts nobody's file."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from windlass import kept as keeping

PROGRAM = """
from windlass import kept
from windlass.tasks import kept_code
kept.start()
kept_code.start()
import windlass.hosts.common.target as t
one = t.Target(name="a", address="b")
print(one == t.Target(name="a", address="b"), hash(one) == hash(t.Target(name="a", address="b")), one.port, len(kept_code.KEPT.new))
"""


def start(home: Path, **more: str) -> str:
    """A process that makes our classes, and what it says of them; the last word is how many texts it had to compile."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), **more}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def kept(home: Path) -> list[Path]:
    return sorted((home / ".cache" / "windlass").glob("*")) if (home / ".cache").exists() else []


def test_the_second_start_compiles_nothing_and_makes_the_same(tmp_path: Path) -> None:
    first, second = start(tmp_path), start(tmp_path)

    assert first.startswith("True True 22 ")
    assert not first.endswith(" 0")
    assert second == "True True 22 0"
    (file,) = kept(tmp_path)
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda file: file.chmod(0o622),
        lambda file: file.write_bytes(file.read_bytes()[:-1]),
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(file.read_bytes()[:5]),
        lambda file: (file.rename(file.with_name("elsewhere")), file.symlink_to("elsewhere")),
    ],
    ids=["others may write", "torn", "empty", "nearly empty", "a link"],
)
def test_a_file_that_is_not_just_so_counts_for_nothing(tmp_path: Path, spoil: Callable[[Path], object]) -> None:
    first = start(tmp_path)
    spoil(kept(tmp_path)[0])

    assert start(tmp_path) == first


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a file away, as only root can")
def test_somebody_elses_file_counts_for_nothing_and_root_leaves_none_in_a_home_that_is_not_its_own(tmp_path: Path) -> None:
    first = start(tmp_path)
    os.chown(kept(tmp_path)[0], 12345, 12345)
    other = tmp_path / "other"
    other.mkdir()
    os.chown(other, 12345, 12345)

    assert start(tmp_path) == first
    assert start(other) == first
    assert kept(other) == []


def test_each_task_has_files_of_its_own_and_what_is_no_task_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "_of_a_program", False)
    monkeypatch.setattr(keeping, "_task", "")
    names = []
    for word in ("", "setup", "backup.list", "--list", "../x", "a b"):
        keeping.start(word)
        names.append(keeping.Kept("some")._path().name)

    assert [name.removeprefix(names[0]) for name in names] == ["", "-setup", "-backup.list", "", "", ""]


def test_without_a_place_to_keep_it_all_is_as_ever(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    assert start(tmp_path / "file").startswith("True True 22 ")
    assert start(tmp_path, XDG_CACHE_HOME="not/absolute").startswith("True True 22 ")
    assert not Path("not").exists()
