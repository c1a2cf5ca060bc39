"""What an archive of paths holds when the paths are links."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from windlass.errors import OperationFailed
from windlass.hosts.channel import Channel
from windlass.operations.parts import Pack
from windlass.operations.wire import Batch


def packed(channel: Channel, folder: Path, *paths: str) -> list[str]:
    """The names in an archive of these paths."""
    received = bytearray()
    channel.run(Batch((Pack(folder=str(folder), paths=paths),)), sink=lambda _stream, chunk: received.extend(chunk))
    listed = subprocess.run(["tar", "--zstd", "-tf", "-"], input=bytes(received), capture_output=True, check=True)
    return sorted(listed.stdout.decode().split())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "available").mkdir()
    (tmp_path / "available/shop.conf").write_text("shop")
    (tmp_path / "enabled").mkdir()
    (tmp_path / "enabled/shop.conf").symlink_to("../available/shop.conf")
    (tmp_path / "enabled/gone.conf").symlink_to("../available/gone.conf")
    (tmp_path / "live").symlink_to("available")
    return tmp_path


def test_of_a_link_that_is_named_what_it_leads_to_is_packed_as_well(channel: Channel, folder: Path) -> None:
    assert packed(channel, folder, "enabled/shop.conf") == ["available/shop.conf", "enabled/shop.conf"]
    assert packed(channel, folder, "live") == ["available/", "available/shop.conf", "live"]
    assert packed(channel, folder, "enabled/*.conf") == ["available/shop.conf", "enabled/gone.conf", "enabled/shop.conf"]


def test_a_link_that_leads_nowhere_is_no_backup_of_what_it_names(channel: Channel, folder: Path) -> None:
    with pytest.raises(OperationFailed, match="is a link that leads nowhere"):
        packed(channel, folder, "enabled/gone.conf")


def test_what_a_folder_is_called_is_no_pattern(channel: Channel, tmp_path: Path) -> None:
    (tmp_path / "shop[1]").mkdir()
    (tmp_path / "shop[1]/a.conf").write_text("a")

    assert packed(channel, tmp_path / "shop[1]", "*.conf") == ["a.conf"]
