"""What is shown of repositories' addresses."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from windlass.agent.git import shown
from windlass.operations.git import GitCheckout
from windlass.operations.wire import Batch
from windlass.testing.local import local_channel


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("https://ada:tulip@git.example.org/shop.git", "https://git.example.org/shop.git"),
        ("https://tulip@git.example.org/a@b.git", "https://git.example.org/a@b.git"),
        ("git@git.example.org:shop.git", "git@git.example.org:shop.git"),
        ("/srv/git/a@b.git", "/srv/git/a@b.git"),
    ],
)
def test_an_address_is_shown_without_its_password(address: str, text: str) -> None:
    assert shown(address) == text


def test_a_change_of_origin_shows_no_password(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    make = "git init -q . && git -c user.name=a -c user.email=a@example.org commit -q --allow-empty -m x"
    copy.mkdir()
    script = f"{make} && git remote add origin https://ada:tulip@192.0.2.1/shop"
    subprocess.run(["/bin/sh", "-ec", script], cwd=copy, check=True)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=copy, capture_output=True, text=True, check=True).stdout.strip()
    moved = GitCheckout(path=str(copy), repository="https://ada:rose@192.0.2.2/shop", revision=commit)
    channel = local_channel()

    (result,) = channel.run(Batch((moved,), check=True))
    channel.close()

    assert result.status == "changed"
    assert "tulip" not in result.summary + result.diff
    assert "rose" not in result.summary + result.diff
