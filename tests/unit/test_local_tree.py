"""Describing a local folder, and which of it counts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from windlass.operations import checksums
from windlass.operations.local_tree import LocalTree, regular_expression


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("*.pyc", "a.pyc", True),
        ("*.pyc", "deep/in/a.pyc", True),
        ("*.pyc", "a.py", False),
        ("node_modules", "node_modules/x/y.js", True),
        ("node_modules/", "web/node_modules", True),
        ("node_modules", "node_modules2/x", False),
        ("/build", "build/x", True),
        ("/build", "src/build/x", False),
        ("docs/*.md", "docs/a.md", True),
        ("docs/*.md", "docs/deep/a.md", False),
        ("docs/**/*.md", "docs/deep/down/a.md", True),
        ("docs/**/*.md", "docs/a.md", True),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("[ab].txt", "b.txt", True),
        ("[!ab].txt", "b.txt", False),
        ("a.b", "axb", False),
    ],
)
def test_patterns(pattern: str, path: str, *, matches: bool) -> None:
    assert bool(re.search(regular_expression([pattern]), path)) is matches


def test_no_pattern_matches_nothing() -> None:
    assert re.search(regular_expression([]), "anything") is None


def test_what_is_excluded_is_not_even_read(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("1")
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "x").write_text("2")

    tree = LocalTree.of(tmp_path, exclude=["cache"])

    assert [entry.path for entry in tree.entries] == ["kept"]


def test_the_same_content_is_the_same_tree_wherever_it_lies(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "f").write_text("same")
    one, two = LocalTree.of(tmp_path / "one"), LocalTree.of(tmp_path / "two")
    (tmp_path / "two" / "f").write_text("else")

    assert one.digest == two.digest
    assert LocalTree.of(tmp_path / "two").digest != one.digest


def test_what_is_not_included_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "wanted.txt").write_text("1")
    (tmp_path / "other").write_text("2")
    (tmp_path / "other").chmod(0)
    read: list[str] = []

    @contextmanager
    def recording(_collection: str, *, by_blocks: bool) -> Iterator[checksums.Measure]:
        yield lambda name, path, status: (read.append(name), checksums.measured(path, status.st_size))[1]

    checksums.remember_with(recording)
    try:
        tree = LocalTree.of(tmp_path, include=["*.txt"])
    finally:
        checksums.remember_with()

    assert [entry.path for entry in tree.entries] == read == ["wanted.txt"]
