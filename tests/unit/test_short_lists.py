"""What is left of apt's lists for the hosts of tests."""

from __future__ import annotations

from tests.lab.suite.short_lists import closure

MAIN = """\
Package: server
Version: 1
Depends: library (>= 2), mailer | post-office
Pre-Depends: base:any
Recommends: manual

Package: library
Version: 2

Package: mailer
Provides: post-office (= 1)

Package: pigeon
Provides: bird, post-office

Package: base
Version: 1

Package: manual
Version: 1

Package: library-doc
Version: 1

"""
SECURITY = "Package: library\nVersion: 3\nDepends: fix\n\nPackage: fix\nVersion: 1\n\nPackage: other\nVersion: 1\n"


def names(text: str) -> list[str]:
    return [line.removeprefix("Package: ") for line in text.splitlines() if line.startswith("Package: ")]


def test_what_is_wanted_stays_with_all_that_it_may_need_in_every_version() -> None:
    found = closure({"main": MAIN, "security": SECURITY}, ["server", "nobody-has-it"])

    assert names(found["main"]) == ["server", "library", "mailer", "pigeon", "base"]
    assert names(found["security"]) == ["library", "fix"]


def test_an_entry_is_left_as_it_was() -> None:
    found = closure({"main": MAIN}, ["server"])

    assert found["main"].partition("\n\n")[0] == MAIN.partition("\n\n")[0]
    assert found["main"].endswith("\n\n")


def test_without_wishes_nothing_is_left() -> None:
    assert closure({"main": MAIN, "empty": ""}, []) == {"main": "", "empty": ""}
