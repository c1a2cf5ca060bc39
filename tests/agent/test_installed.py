"""What is told of packages that come and go with others."""

from __future__ import annotations

from windlass.agent.core.installed import besides

BEFORE = {"base": "1", "needs": "2", "old:i386": "3", "kept": "4"}


def test_nothing_besides_what_was_asked_for() -> None:
    assert besides(BEFORE, BEFORE, ["base"]) == ("", "")
    assert besides(BEFORE, BEFORE | {"new": "1"}, ["new"]) == ("", "")


def test_what_goes_is_told_with_its_version_and_what_comes_by_name() -> None:
    after = {"kept": "5", "more": "1", "other": "1"}

    text, diff = besides(BEFORE, after, ["base"])

    assert text == "with it goes needs, old:i386"
    assert diff.splitlines() == [
        "-needs 2 (goes with it)",
        "-old:i386 3 (goes with it)",
        "+more, other (comes with it)",
        "+kept (of another version with it)",
    ]
