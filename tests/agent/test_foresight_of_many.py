"""Operations that get into each other's way, drawn by lot: a check says of each what the run does, or that nobody knows."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from windlass.agent.core import attributes
from windlass.errors import InventoryError
from windlass.hosts.agent.results import Result
from windlass.hosts.channel import Channel
from windlass.operations.archive import Archive
from windlass.operations.block import Block
from windlass.operations.command import Run
from windlass.operations.directory import Directory
from windlass.operations.document import JsonValue, YamlValue
from windlass.operations.download import Download
from windlass.operations.file import File
from windlass.operations.git import GitCheckout
from windlass.operations.ini import IniValue
from windlass.operations.line import Line
from windlass.operations.link import Link
from windlass.operations.local_tree import LocalTree
from windlass.operations.operation import LocalFile, Operation
from windlass.operations.template import Template
from windlass.operations.tree import Tree
from windlass.operations.wire import Batch
from windlass.values import Secret

PLACES: Final = ("a", "b", "d", "d/a", "d/e", "d/e/a", "l", "l/a")
TEXTS: Final = ("", "x\n", "a\nb\n", "[s]\nk = 1\n", '{"k": 1}\n')
TARGETS: Final = ("a", "d", "b", "../a", "nowhere")
EACH: Final = 40  # batches of a lot
UNKNOWN: Final = "unknown until run"
Maker = Callable[[random.Random, str, Path], Operation]
MINE: Final = {"owner": "", "group": ""}
LOCAL: Final = "a\n"
SUMS: Final = tuple(f"{kind}:{hashlib.new(kind, LOCAL.encode()).hexdigest()}" for kind in ("sha256", "sha512"))
REPOSITORY: Final = """
export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@example.org
git init -q -b main r; cd r; echo one > f; git add f; git commit -q -m one; git branch old; echo two > f; git commit -q -a -m two
"""

MAKERS: Final[tuple[Maker, ...]] = (
    lambda lot, path, _here: File(path=path, content=lot.choice(TEXTS), mode=lot.choice(("0644", "0600")), **MINE),
    lambda lot, path, _here: File(path=path, content=None, mode=lot.choice(("0644", "0600")), **MINE),
    lambda _lot, path, here: File(path=path, content=LocalFile.of(here / "local"), **MINE),
    lambda _lot, path, _here: File(path=path, content="once\n", once=True, **MINE),
    lambda lot, path, _here: File(path=path, content=Secret(lot.choice(TEXTS)), **MINE),
    lambda lot, path, _here: Line(path=path, line=Secret(lot.choice("ab")), create=lot.random() < 0.6),
    lambda _lot, path, _here: File(path=path, absent=True),
    lambda lot, path, _here: Directory(path=path, mode=lot.choice(("0755", "0700")), **MINE),
    lambda _lot, path, _here: Directory(path=path, absent=True),
    lambda lot, path, _here: Link(path=path, target=lot.choice(TARGETS), force=lot.random() < 0.3),
    lambda _lot, path, _here: Link(path=path, target="x", absent=True),
    lambda lot, path, _here: Line(path=path, line=lot.choice("abx"), create=lot.random() < 0.6, absent=lot.random() < 0.2),
    lambda lot, path, _here: Block(
        path=path, name="n", block=lot.choice("uv"), create=lot.random() < 0.6, absent=lot.random() < 0.2
    ),
    lambda lot, path, _here: IniValue(path=path, section="s", key="k", value=lot.choice("12"), create=lot.random() < 0.6),
    lambda lot, path, _here: JsonValue(path=path, keys=("k",), value=lot.choice((1, 2)), create=lot.random() < 0.6),
    lambda lot, path, _here: YamlValue(path=path, keys=("k",), value=lot.choice((1, 2)), absent=lot.random() < 0.2),
    lambda lot, path, _here: Template(path=path, source="{{ word }}\n", values={"word": lot.choice("xy")}, **MINE),
    lambda lot, path, here: Download(path=path, url=f"file://{here}/local", checksum=lot.choice(SUMS), **MINE),
    lambda lot, path, here: GitCheckout(path=path, repository=f"{here}/r", revision=lot.choice(("main", "old"))),
    lambda _lot, path, _here: Run(command=f"test -e {path} || echo m > {path}", creates=path),
    lambda lot, path, here: Archive(path=path, content=LocalFile.of(here / "x.tar"), strip=1, replace=lot.random() < 0.3, **MINE),
    lambda lot, path, here: Tree(path=path, source=LocalTree.of(here / "x"), delete=lot.random() < 0.4, **MINE),
)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("here")
    (folder / "x" / "d").mkdir(parents=True)
    for name in ("x/f", "x/d/g", "local"):
        (folder / name).write_text(LOCAL)
    subprocess.run(["/bin/sh", "-ec", REPOSITORY], cwd=folder, check=True)
    subprocess.run(["tar", "-C", folder, "-cf", folder / "x.tar", "x"], check=True)
    return folder


@pytest.mark.parametrize("lot", range(4))
def test_a_check_says_what_the_run_does(lot: int, channel: Channel, here: Path, tmp_path: Path) -> None:
    for number in range(EACH):
        drawn = random.Random(lot * EACH + number)  # noqa: S311 - the same lots each time
        root = tmp_path / str(number)
        furnish(root, drawn)
        before = listed(root)
        batch = tuple(some_operations(drawn, str(root), here))

        foreseen = channel.run(Batch(batch, check=True, go_on=True))
        untouched = listed(root)
        done = channel.run(Batch(batch, go_on=True))

        assert untouched == before
        assert [(said, did) for said, did in pairs(foreseen, done) if told(said) != told(did)] == [], (lot, number, before)


def furnish(root: Path, drawn: random.Random) -> None:
    """Some of the places have something already."""
    root.mkdir()
    for place in PLACES:
        path, what = root / place, drawn.randrange(5)
        if not path.parent.is_dir() or os.path.lexists(path):
            continue
        if what == 0:
            path.write_text(drawn.choice(TEXTS))
            attributes.mark(str(path), drawn.random() < 0.3)
        elif what < 3 and place in ("d", "d/e"):
            path.mkdir()
        elif what == 3:
            path.symlink_to(drawn.choice(TARGETS))


def listed(root: Path) -> str:
    return subprocess.run(["find", root, "-printf", "%P %y %m %s %T@ %l\n"], capture_output=True, text=True, check=True).stdout


def some_operations(drawn: random.Random, root: str, here: Path) -> Iterator[Operation]:
    for _each in range(drawn.randrange(2, 6)):
        try:
            yield drawn.choice(MAKERS)(drawn, f"{root}/{drawn.choice(PLACES)}", here)
        except InventoryError:
            continue


def pairs(foreseen: tuple[Result, ...], done: tuple[Result, ...]) -> Iterator[tuple[Result, Result]]:
    """Up to the first command that fails and the first chain of links that ends nowhere, which nobody foresees."""
    for said, did in zip(foreseen, done, strict=True):
        if "Too many levels" in said.message + did.message or (did.failed and isinstance(did.operation, Run)):
            return
        if said.status != "unknown" and UNKNOWN not in said.diff:
            yield said, did


def told(result: Result) -> tuple[str, str]:
    return result.status, result.diff
