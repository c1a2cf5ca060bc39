"""Which of the agent's modules travel, and that each is there when it is needed."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

import windlass.agent
from windlass.agent.core import frames
from windlass.agent.core.modules import learn
from windlass.hosts.agent import agent_modules, payload
from windlass.operations.command import Run
from windlass.operations.wire import Batch
from windlass.testing.local import local_channel

FOLDER = Path(windlass.agent.__file__).parent
MODULES = sorted(".".join(["windlass.agent", *path.relative_to(FOLDER).with_suffix("").parts]) for path in FOLDER.rglob("*.py"))
# The families of the 25 operations that the peers are compared with.
USUAL = ("cron", "directory", "file", "group", "line", "link", "package", "service", "template", "user")


@cache
def imported(name: str) -> set[str]:
    """What Python's own reader finds in a module, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(agent_modules.source(name) or b"")):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
        elif isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
    return {each for each in found if each.startswith("windlass.agent") and agent_modules.source(each) is not None}


@pytest.mark.parametrize("name", [name for name in MODULES if not name.endswith("__init__")])
def test_all_that_a_module_imports_travels_with_it(name: str) -> None:
    needed = agent_modules.needed(name)

    assert {each for inner in needed for each in imported(inner)} <= needed


def test_what_the_usual_operations_need_is_small() -> None:
    """Exact figures would change with every line; a family that draws in half of the others is what this is to catch."""
    usual = agent_modules.for_operations(frozenset(f"{family}.x" for family in USUAL))

    assert len(payload.payload()) + len(agent_modules.frame(usual)) < 68_000


def test_a_module_that_did_not_come_by_itself_is_asked_for() -> None:
    channel = local_channel()
    channel._taught = agent_modules.for_operations(frozenset(["command.run"]))  # as if it had been sent
    results = channel.run(Batch((Run(command="echo here"),)))
    channel.close()

    assert results[0].data["output"] == "here\n"


def test_modules_are_sent_once_however_many_batches_want_them() -> None:
    channel = local_channel()
    sent = []
    for _ in range(2):
        before = channel.bytes_sent
        channel.run(Batch((Run(command="true"),)))
        sent.append(channel.bytes_sent - before)
    channel.close()

    assert sent[1] < 1000 < sent[0]


@pytest.mark.parametrize("name", ["os", "windlass.errors", "windlass.agent.../errors", ""])
def test_nothing_but_the_agent_s_own_modules_can_be_asked_for(name: str) -> None:
    assert agent_modules.texts(agent_modules.beyond_the_loop(name)) == {}


def test_the_agent_takes_no_other_modules() -> None:
    with pytest.raises(frames.BrokenFrame, match="not one of the agent's modules"):
        learn(b'{"os":"raise SystemExit"}')


def test_a_long_body_is_compressed_and_a_bomb_is_not_unpacked() -> None:
    body = {"text": "x" * 100_000}
    frame = frames.encode(frames.NOTE, body)
    bomb = frames.encode(frames.NOTE, {"text": "x" * (frames.LARGEST + 1)})

    assert len(frame) < 1000
    assert frames.decode(frame[frames.HEADER_SIZE :], frames.NOTE) == body
    with pytest.raises(frames.BrokenFrame):
        frames.decode(bomb[frames.HEADER_SIZE :], frames.NOTE)
    with pytest.raises(frames.BrokenFrame):
        frames.decode(frame[frames.HEADER_SIZE : -3], frames.NOTE)
