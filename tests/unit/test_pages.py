"""The pages that people read: links lead somewhere, and the commands in them are those that there are."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from windlass.tasks.program import namespace

TOP = Path(__file__).parents[2]
PAGES = sorted([*TOP.glob("*.md"), *(TOP / "docs").rglob("*.md")])
BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
OPERATORS = ("&&", "|", ";", ">")
PLACEHOLDERS = ("TASK", "…")
TYPED = re.compile(r"^ {4}(?:\$ )?((?:\w+=\S+ )*invoke [^#\n]*)|`(invoke [^`\n]*)`", re.MULTILINE)


def prose(page: Path) -> str:
    return BLOCK.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path) -> Iterator[str]:
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        is_there = target.exists() and (not anchor or target.suffix != ".md" or anchor in anchors(target))
        if not re.match(r"\w+:", link) and not is_there:
            yield f"{page.relative_to(TOP)}: {link}"


def commands(page: Path) -> Iterator[list[str]]:
    """The words behind `invoke` of all that a page tells to type; a line that ends in a backslash goes on."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    for found in TYPED.finditer(text):
        lexer = shlex.shlex(found[1] or found[2], posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        for is_end, words in itertools.groupby(lexer, key=OPERATORS.__contains__):
            typed = list(words)
            if not is_end and "invoke" in typed:
                yield typed[typed.index("invoke") + 1 :]


def test_no_link_is_broken() -> None:
    assert len(PAGES) > 40
    assert [link for page in PAGES for link in broken_links(page)] == []


def test_every_test_that_the_page_of_what_breaks_names_is_there() -> None:
    named = set(re.findall(r"`((?:\w+/)*test_\w+\.py)`", (TOP / "docs/chaos.md").read_text(encoding="utf-8")))
    folders = (TOP / "tests", TOP / "tests/lab/backups")

    assert len(named) > 30
    assert {name for name in named if not any((folder / name).is_file() for folder in folders)} == set()


def test_every_command_that_a_page_shows_has_its_task_and_its_options() -> None:
    tasks = namespace()
    known = {
        name: {f"--{each.name.strip('_')}".replace("_", "-") for each in tasks[name].get_arguments()} for name in tasks.task_names
    }
    known |= {"backup": known["backup.run"], "history": known["history.list"], "greet": {"--env", "--word"}}
    shown = [(page, words) for page in PAGES for words in commands(page)]
    faults = []
    for page, words in shown:
        task = next((word for word in words if not word.startswith("-")), "")
        options = {word.partition("=")[0] for word in words if word.startswith("--")}
        if task in known:
            faults += [f"{page.name}: {' '.join(words)}: {option}" for option in options - known[task] - {"--help"}]
        elif not options & {"--list", "--help"} and task not in PLACEHOLDERS:
            faults.append(f"{page.name}: {' '.join(words)}")

    assert len(shown) > 150
    assert faults == []
