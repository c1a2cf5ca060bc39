"""What root's agent does in folders that are somebody else's, who lays links there in the very moment. It takes root, no host."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

from windlass.agent import directory
from windlass.agent.core import ownership, safe_paths
from windlass.agent.core.outcome import Changes, OperationError

pytestmark = pytest.mark.lab

NOBODY = 65534


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder of somebody's, and beside it what is none of theirs."""
    for name in ("theirs/inner", "ours"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file").write_text("x")
    return tmp_path


def test_what_lies_behind_a_link_that_comes_in_the_way_is_not_given_away(tree: Path) -> None:
    changes = Changes()
    directory.want_owner_below(changes, str(tree / "theirs"), str(NOBODY), str(NOBODY))
    (tree / "theirs/inner").rename(tree / "theirs/moved")
    (tree / "theirs/inner").symlink_to(tree / "ours")

    changes.outcome(check=False)

    assert (tree / "ours/file").stat().st_uid == os.geteuid()
    assert (tree / "theirs/moved/file").stat().st_uid == NOBODY
    assert (tree / "theirs/inner").lstat().st_uid == NOBODY


def test_a_mode_is_that_of_the_very_file(tree: Path) -> None:
    (tree / "ours/file").chmod(0o644)
    (tree / "theirs/file").symlink_to(tree / "ours/file")

    ownership.change_mode(str(tree / "theirs/file"), 0o600)
    ownership.change_mode(str(tree / "theirs/inner/file"), 0o600)

    assert (tree / "ours/file").stat().st_mode & 0o777 == 0o644
    assert (tree / "theirs/inner/file").stat().st_mode & 0o777 == 0o600


def test_a_link_in_the_place_of_what_was_made_is_given_away_and_nothing_behind_it(tree: Path) -> None:
    mode = (tree / "ours").stat().st_mode
    (tree / "theirs/made").symlink_to(tree / "ours")

    safe_paths.dress(str(tree / "theirs/made"), (NOBODY, NOBODY), 0o777)

    assert ((tree / "ours").stat().st_mode, (tree / "ours").stat().st_uid) == (mode, os.geteuid())
    assert (tree / "theirs/made").lstat().st_uid == NOBODY


def test_no_name_below_a_folder_leads_through_a_link(tree: Path) -> None:
    (tree / "theirs/linked").symlink_to(tree / "ours")
    with contextlib.closing(safe_paths.Below(str(tree / "theirs"))) as below:
        assert Path(below.at("inner/file")).read_text() == "x"
        (tree / "theirs/inner").rename(tree / "theirs/moved")
        assert Path(below.at("inner/other")).parent.samefile(tree / "theirs/moved")
        assert Path(below.at("moved")).samefile(tree / "theirs/moved")
        with pytest.raises(OperationError, match="linked is a link now"):
            below.at("linked/file")
