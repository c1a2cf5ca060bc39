"""Switching and pruning in a folder of its own; nginx is a program that says yes or no, where it is asked at all."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from windlass.agent import release
from windlass.agent.core import process
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import OperationError
from windlass.agent.release import MOST_OF_JOURNAL, progress, prune, record, switch
from windlass.agent.watch import watch


@pytest.fixture
def context() -> Context:
    return Context(lambda _frame: None)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("slots/blue", "slots/green", "releases/r1", "records"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


@pytest.fixture
def nginx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Puts programs called nginx and systemctl first in the path; they end with this status and write down what they were asked."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setattr(process, "PATH", f"{folder}:{process.PATH}")
    monkeypatch.setattr(release, "SITE", f"{tmp_path}/windlass-%s.conf")

    def answer(status: int) -> None:
        for name in ("nginx", "systemctl"):
            (folder / name).write_text(f'#!/bin/sh\necho {name} "$@" >> {tmp_path}/asked\nexit {status}\n')
            (folder / name).chmod(0o755)

    return answer


@pytest.fixture
def by_include(root: Path) -> None:
    """The site that an earlier version wrote for an application with ports."""
    text = f"upstream shop {{\n\tinclude {root}/live/upstream[.]conf;\n}}\n"
    (root / f"windlass-{root.name}.conf").write_text(text)


def asked(root: Path) -> list[str]:
    return (root / "asked").read_text().splitlines()


def test_a_switch_is_one_rename_and_nginx_is_not_told(root: Path, context: Context, nginx: Callable[[int], None]) -> None:
    (root / f"windlass-{root.name}.conf").write_text(f"include {root}/slots/blue/upstream[.]conf;\n")
    nginx(1)

    outcome = switch({"root": str(root), "slot": "blue"}, context)

    assert outcome.changed
    assert (root / "live").readlink() == Path("slots/blue")
    assert not (root / "asked").exists()


def test_a_first_switch_that_nginx_refuses_leaves_nothing_live(
    root: Path, context: Context, by_include: None, nginx: Callable[[int], None]
) -> None:
    nginx(1)

    with pytest.raises(OperationError, match="nothing is live"):
        switch({"root": str(root), "slot": "blue"}, context)

    assert not os.path.lexists(root / "live")


def test_a_later_switch_that_nginx_refuses_leaves_what_was_live(
    root: Path, context: Context, by_include: None, nginx: Callable[[int], None]
) -> None:
    (root / "live").symlink_to("slots/blue")
    nginx(1)

    with pytest.raises(OperationError, match="blue is live as before"):
        switch({"root": str(root), "slot": "green"}, context)

    assert (root / "live").readlink() == Path("slots/blue")


def test_a_switch_that_was_made_already_still_tells_nginx(
    root: Path, context: Context, by_include: None, nginx: Callable[[int], None]
) -> None:
    (root / "live").symlink_to("slots/blue")
    nginx(0)

    outcome = switch({"root": str(root), "slot": "blue"}, context)

    assert not outcome.changed
    assert asked(root) == ["nginx -t -q", "systemctl reload nginx"]


@pytest.mark.parametrize(("before", "said"), [("blue", "the host switched back to blue by itself"), ("", "so nothing serves")])
def test_a_watch_that_fails_switches_back_and_tells_nginx(
    root: Path, context: Context, by_include: None, nginx: Callable[[int], None], before: str, said: str
) -> None:
    (root / "live").symlink_to("slots/green")
    (root / "log").write_text("out of luck\n")
    progress({"root": str(root), "entry": {"step": "switch", "release": "r1"}}, context)
    nginx(0)
    gone = {"name": "web-0", "run": str(root / "web-0"), "folder": str(root), "listen": "", "log": str(root / "log")}

    with pytest.raises(OperationError, match=f"web-0 failed after the switch: it is not running; .*{said}") as caught:
        watch(
            {"root": str(root), "instances": [gone], "before": before, "seconds": 60.0, "arriving_seconds": 0.0},
            context,
        )

    assert caught.value.last_lines == ["out of luck"]
    assert json.loads((root / "progress.json").read_text())["went_back"] == "web-0: it is not running"
    assert [each.readlink().name for each in root.glob("live")] == ([before] if before else [])
    assert asked(root) == ["systemctl reload nginx"]


def test_pruning_takes_away_what_a_power_cut_left(root: Path, context: Context) -> None:
    (root / "releases/.r2.x1y2/tree").mkdir(parents=True)
    (root / "releases/.pruned-r0").mkdir()

    prune({"root": str(root), "releases": ()}, context)

    assert [each.name for each in (root / "releases").iterdir()] == ["r1"]


def test_a_release_went_live_at_its_switch_by_the_clock_of_who_gave_the_batch(root: Path, context: Context) -> None:
    def live_at() -> float:
        values = {"root": str(root), "release": "r1", "values": {"state": "live"}, "went_live": 1000.0}
        record(values, context)
        return float(json.loads((root / "records/r1.json").read_text())["live_at"])

    context.began -= 60.0  # what came before the switch took a minute
    switch({"root": str(root), "slot": "blue"}, context)
    switched = time.monotonic() - context.began
    context.began -= 3600.0  # as if what came after it had taken an hour: but then the batch had begun earlier
    context.kept["the last switch"] -= 3600.0

    assert 1060.0 <= live_at() <= 1000.0 + switched
    context.begin(check=False, secrets=())
    assert live_at() == 1000.0  # the switch was in an earlier batch


def test_only_root_reads_what_is_remembered(root: Path, context: Context) -> None:
    record({"root": str(root), "release": "r1", "values": {"environment": {"PIN": "ab12"}}, "went_live": 0.0}, context)

    assert (root / "records/r1.json").stat().st_mode & 0o777 == 0o600


def test_the_journal_of_deploys_has_two_files_at_most(root: Path, context: Context) -> None:
    """It is for people who look back; the entry of today is always the last line."""
    for number in range(3):
        (root / "journal").write_text(f"{number}" * (MOST_OF_JOURNAL + 1))
        progress({"root": str(root), "entry": {"step": "gate", "release": f"r{number}"}}, context)

    assert {path.name for path in root.glob("journal*")} == {"journal", "journal.1"}
    assert json.loads((root / "journal").read_text())["release"] == "r2"
    assert (root / "journal.1").read_text() == "2" * (MOST_OF_JOURNAL + 1)
