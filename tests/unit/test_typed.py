"""Commands that are told can be typed as they stand: with the program and the environment of whoever reads them."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from windlass.events import Event, HostEnded, Note
from windlass.tasks.typed import as_typed, notes_as_typed, typed, work_on


@pytest.fixture(autouse=True)
def _by_invoke(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/invoke", "status"])
    monkeypatch.delenv("WINDLASS_ENV", raising=False)
    yield
    work_on("")  # what other tests tell in this process is about no environment


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("invoke app.logs shows their last words", "invoke app.logs --env staging shows their last words"),
        ("make one: invoke backup", "make one: invoke backup --env staging"),
        ("invoke setup --limit web1, or wait", "invoke setup --env staging --limit web1, or wait"),
        ("invoke lab.up --env other boots it", "invoke lab.up --env other boots it"),
        ("invoke history.show last", "invoke history.show last"),
        ("`invoke setup` makes it; invoke status --env x", "`invoke setup --env staging` makes it; invoke status --env x"),
        ("`invoke --help TASK` shows it", "`invoke --help TASK` shows it"),
    ],
)
def test_a_command_names_the_environment_that_is_worked_on(said: str, told: str) -> None:
    work_on("staging")

    assert as_typed(said) == told


def test_the_twin_is_named_too_and_what_the_shell_knows_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    work_on("staging", lab=True)
    twin = typed("rollback")
    monkeypatch.setenv("WINDLASS_ENV", "staging")
    work_on("staging")

    assert (twin, typed("rollback")) == ("invoke rollback --env staging --lab", "invoke rollback")


def test_what_a_flow_tells_on_its_way_is_told_alike() -> None:
    work_on("staging")
    heard: list[Event] = []
    tell = notes_as_typed(heard.append)
    tell(Note("invoke app.logs says why", "web1", warning=True))
    tell(HostEnded("web1"))

    assert heard == [Note("invoke app.logs --env staging says why", "web1", warning=True), HostEnded("web1")]


def test_without_an_environment_nothing_is_added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/windlass", "lab.status"])
    work_on("")

    assert as_typed("invoke setup, then invoke deploy") == "windlass setup, then windlass deploy"
