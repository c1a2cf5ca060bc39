"""What a check sees of file systems: who is in the way of an unmount, and what cannot be mounted."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

from windlass.agent.core.foreseen_mounts import holders, is_uncertain, obstacles

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def wanted(source: object, filesystem: str, *options: str) -> dict[str, Any]:
    return {"source": str(source), "filesystem": filesystem, "options": list(options)}


def test_who_works_in_a_folder_or_has_a_file_open_there_is_named(tmp_path: Path) -> None:
    for name in ("used", "used/deep", "read", "left"):
        (tmp_path / name).mkdir()
    (tmp_path / "read" / "file").touch()
    with (
        subprocess.Popen(["sleep", "1000"], cwd=tmp_path / "used/deep") as one,
        (tmp_path / "read/file").open() as handle,
        subprocess.Popen(["sleep", "1000"], stdin=handle) as other,
    ):
        try:
            assert holders(str(tmp_path / "used")) == [f"sleep (process {one.pid})"]
            assert f"sleep (process {other.pid})" in holders(str(tmp_path / "read"))
            assert holders(str(tmp_path / "left")) == []
            assert holders(str(tmp_path / "use")) == []
        finally:
            one.kill()
            other.kill()


def test_what_is_mounted_below_is_named() -> None:
    assert "/dev/pts is mounted below it" in holders("/dev")


@root_only
def test_what_is_made_of_nothing_or_of_a_folder_is_tried_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # where it is tried: what others mount meanwhile does not matter

    assert obstacles(wanted(tmp_path, "none", "bind")) == []
    assert obstacles(wanted("tmpfs", "tmpfs", "size=1m")) == []
    assert str(tmp_path / "no") in " ".join(obstacles(wanted(tmp_path / "no", "none", "bind")))
    assert obstacles(wanted("tmpfs", "tmpfs", "size=much")) != []
    assert str(tmp_path) not in Path("/proc/self/mounts").read_text()
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_disk_is_none(tmp_path: Path) -> None:
    assert obstacles(wanted(tmp_path, "ext4", "defaults")) == [f"{tmp_path} is a folder"]
    assert obstacles(wanted(tmp_path / "no", "xfs", "defaults")) == [f"{tmp_path / 'no'} is not there"]
    assert obstacles(wanted("UUID=ab", "ext4", "defaults")) == ["UUID=ab is not there"]
    assert obstacles(wanted("host:/x", "nfs4", "defaults")) == []


def test_what_is_on_a_disk_is_read_and_nothing_is_written(tmp_path: Path) -> None:
    disk, blank = tmp_path / "disk", tmp_path / "blank"
    for each in (disk, blank):
        each.write_bytes(bytes(1 << 20))
    subprocess.run(["/usr/sbin/mkfs.ext2", "-qF", str(disk)], check=True)
    before = disk.read_bytes(), disk.stat().st_mtime_ns

    assert [obstacles(wanted(disk, kind, "defaults")) for kind in ("ext2", "ext4", "auto")] == [[], [], []]
    assert obstacles(wanted(disk, "xfs", "defaults")) == [f"{disk} has ext2, not xfs"]
    assert obstacles(wanted(blank, "auto", "defaults")) == [f"there is no file system on {blank}"]
    assert (disk.read_bytes(), disk.stat().st_mtime_ns) == before


def test_servers_and_options_of_a_file_system_s_own_are_for_the_run() -> None:
    known = (("ext4", "defaults", "noatime", "X-mount.mkdir"), ("tmpfs", "size=1m"), ("none", "bind"))
    unknown = (("ext4", "errors=remount-ro"), ("nfs4", "defaults"), ("fuse.sshfs", "ro"))

    assert [is_uncertain(wanted("x", *each)) for each in (*known, *unknown)] == [False] * 3 + [True] * 3
