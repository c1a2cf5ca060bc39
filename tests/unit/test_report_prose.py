"""Sentences on a narrow terminal."""

from __future__ import annotations

from windlass.report.prose import prose


def test_a_sentence_is_cut_between_words_and_goes_on_two_further_in() -> None:
    assert prose(["  one two three four", "short"], width=12).splitlines() == ["  one two", "    three", "    four", "short"]


def test_a_command_stays_whole_so_that_it_can_be_copied() -> None:
    said = "kept warm: invoke rollback --env staging --app shop brings it back"

    assert prose([said], width=30).splitlines() == [
        "kept warm:",
        "  invoke rollback --env staging --app shop",
        "  brings it back",
    ]


def test_without_a_terminal_a_line_is_a_line() -> None:
    assert prose(["one two three four", "and\nfive"], width=0) == "one two three four\nand\nfive"
