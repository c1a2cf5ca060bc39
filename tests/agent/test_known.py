"""One question for a whole batch, and never a stale answer."""

from __future__ import annotations

import pytest

from windlass.agent.core.known import Known


@pytest.mark.parametrize(
    ("kind", "status", "asked"),
    [
        ("package.package", "ok", 1),
        ("service.service", "ok", 1),
        ("file.file", "ok", 1),
        ("file.file", "changed", 2),  # it may be a unit
        ("package.package", "changed", 2),
        ("package.package", "failed", 2),
        ("command.run", "ok", 2),  # whatever it says, it may have done anything
        ("wait.wait_for", "ok", 1),
    ],
)
def test_an_answer_lives_until_something_may_have_changed(kind: str, status: str, asked: int) -> None:
    questions = []
    known = Known()
    known.begin([])

    known.ask("dpkg", lambda: questions.append(1))
    known.after(kind, status)
    known.ask("dpkg", lambda: questions.append(1))

    assert len(questions) == asked


def test_a_new_batch_knows_nothing_of_the_one_before() -> None:
    known = Known()
    known.ask("dpkg", lambda: "before")

    known.begin([])

    assert known.ask("dpkg", lambda: "now") == "now"
