"""What is shown of files that hold something secret, also when nobody knows it any more who could mask it."""

from __future__ import annotations

from pathlib import Path

import pytest

from windlass.agent.core import attributes
from windlass.hosts.channel import Channel
from windlass.operations.block import Block
from windlass.operations.document import JsonValue
from windlass.operations.file import File
from windlass.operations.ini import IniValue
from windlass.operations.line import Line
from windlass.operations.local_tree import LocalTree
from windlass.operations.operation import Operation
from windlass.operations.template import Template
from windlass.operations.tree import Tree
from windlass.operations.wire import Batch
from windlass.values import Secret

TULIP = Secret("tulip-84")


def diff(channel: Channel, *operations: Operation) -> str:
    """What is shown of a batch that knows no secrets but its own; a check shows the same."""
    shown = ["".join(result.diff for result in channel.run(Batch(operations, check=check))) for check in (True, False)]
    assert shown[0] == shown[1]
    return shown[1]


@pytest.mark.parametrize("what", ["file", "template", "line", "block", "ini", "json"])
def test_a_secret_that_is_known_no_longer_is_not_shown(what: str, channel: Channel, tmp_path: Path) -> None:
    path = f"{tmp_path}/f"
    own = {"path": path, "owner": "", "group": ""}
    with_secret: dict[str, Operation] = {
        "file": File(**own, content=Secret("[a]\npassword = tulip-84\n")),  # type: ignore[arg-type]
        "template": Template(**own, source="[a]\npassword = {{ password }}\n", values={"password": TULIP}),  # type: ignore[arg-type]
        "line": Line(path=path, line=Secret("password = tulip-84"), create=True),
        "block": Block(path=path, name="n", block=Secret("password = tulip-84"), create=True),
        "ini": IniValue(path=path, section="a", key="password", value=TULIP, create=True),
        "json": JsonValue(path=path, keys=("password",), value=TULIP, create=True),
    }
    shown = diff(channel, with_secret[what])
    assert "tulip" in Path(path).read_text()
    plain = File(**own, content="[a]\nport = 1\n")  # type: ignore[arg-type]

    shown += diff(channel, Line(path=path, line="# of ours")) if what != "json" else ""
    shown += diff(channel, plain)

    assert "tulip" not in shown
    assert "content is not shown, for something secret was written there" in shown
    assert "-port = 1\n+port = 2" in diff(channel, File(**own, content="[a]\nport = 2\n"))  # type: ignore[arg-type]


def test_nor_is_one_that_a_tree_replaces(channel: Channel, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here/f").write_text("plain\n")
    diff(channel, File(path=f"{tmp_path}/f", content=Secret("tulip-84\n"), owner="", group=""))

    shown = diff(channel, Tree(path=f"{tmp_path}", source=LocalTree.of(tmp_path / "here"), owner="", group=""))

    assert "tulip" not in shown
    assert "f: 9 bytes become 6 bytes" in shown


def test_a_check_knows_that_a_secret_is_there_already(channel: Channel, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("tulip-84\n")
    own = {"path": f"{tmp_path}/f"}

    shown = diff(channel, Line(**own, line=TULIP), Line(**own, line="port = 1"))  # type: ignore[arg-type]

    assert "content is not shown" in shown


def test_a_check_marks_nothing(channel: Channel, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("tulip-84")
    same = File(path=f"{tmp_path}/f", content=TULIP, owner="", group="", mode="")

    channel.run(Batch((same,), check=True))
    before = attributes.holds_secret(f"{tmp_path}/f")
    channel.run(Batch((same,)))

    assert (before, attributes.holds_secret(f"{tmp_path}/f")) == (False, True)
