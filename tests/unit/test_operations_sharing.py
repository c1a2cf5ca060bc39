"""Hosts that want the very same share one batch, which is described for the agent once; whatever differs is told apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from windlass.operations.file import File
from windlass.operations.local_tree import LocalTree
from windlass.operations.operation import LocalFile, Operation
from windlass.operations.sharing import alike, shared
from windlass.operations.template import Template
from windlass.operations.tree import Tree
from windlass.operations.wire import Batch, encode
from windlass.values import Command, Secret


def batch(*operations: Operation, check: bool = False) -> Batch:
    return Batch(operations, check=check)


def greeting(**values: object) -> Template:
    return Template(path="/etc/motd", source="{{ word }}", values=values)


def test_the_longest_secret_is_looked_for_first_lest_a_shorter_one_cut_it() -> None:
    asked = Batch((File(path="/etc/a", content=Secret("iris-root")),), secrets=(Secret("iris"), Secret("iris-root-rot")))

    told = encode(asked).body["secrets"]
    assert [each for each in told if each.startswith("iris")] == ["iris-root-rot", "iris-root", "iris"]


def test_hosts_that_want_the_same_share_a_batch_and_others_keep_their_own() -> None:
    given = {
        "web1": batch(greeting(word="iris"), File(path="/etc/a", content=Secret("one"))),
        "web2": batch(greeting(word="iris"), File(path="/etc/a", content=Secret("one"))),
        "web3": batch(greeting(word="iris"), File(path="/etc/a", content=Secret("two"))),
        "web4": batch(greeting(word="iris")),
    }

    found = shared(given)

    assert list(found) == list(given)
    assert found["web2"] is found["web1"] is given["web1"]
    assert (found["web3"], found["web4"]) == (given["web3"], given["web4"])


def test_a_batch_is_described_once_for_all_that_share_it() -> None:
    found = shared({name: batch(greeting(word="iris")) for name in ("web1", "web2")})

    assert encode(found["web1"]) is encode(found["web2"])
    assert encode(batch(greeting(word="lily"))) is not encode(found["web1"])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (greeting(word=True), greeting(word=1)),
        (greeting(word=1.0), greeting(word=1)),
        (greeting(word=["a", "b"]), greeting(word=("a", "b"))),
        (greeting(word={"a": 1, "b": 2}), greeting(word={"b": 2, "a": 1})),  # a template goes through them in this order
        (greeting(word="a"), File(path="/etc/motd", content="a")),
        (batch(greeting(word="a")), batch(greeting(word="a"), check=True)),
        (Command(("a", Secret("b"))), Command(("a", Secret("c")))),
        (LocalFile(Path("/a"), "f00", 3), LocalFile(Path("/a"), "f01", 3)),
        (Secret("a"), "a"),
        (b"a", b"b"),
        (None, ""),
    ],
    ids=str.split("truth float list order kind check secret file masked bytes none"),
)
def test_what_python_takes_for_the_same_is_told_apart(one: object, other: object) -> None:
    assert not alike(one, other)
    assert alike(one, one)


def test_of_trees_the_checksum_is_compared(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one")
    before, again = LocalTree.of(tmp_path), LocalTree.of(tmp_path)
    (tmp_path / "a").write_text("two")

    assert alike(Tree(path="/srv/a", source=before), Tree(path="/srv/a", source=again))
    assert not alike(before, LocalTree.of(tmp_path))
