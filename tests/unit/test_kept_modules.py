"""Modules kept from start to start: imported as they would have been, and anew as soon as anything of it has changed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
from windlass import kept
from windlass.tasks import kept_modules
kept.start()
kept_modules.start()
sys.path[:0] = sys.argv[1:]
import inspect, of_a_user, packed.inner
for each in (of_a_user, packed, packed.inner):
    here = each.__spec__
    known = type(here.loader) is kept_modules._Loader
    print(each.__name__, known, each.WORD, here.parent, each.__file__ == here.origin, each.__cached__ == here.cached)
print(inspect.getsource(of_a_user.say).splitlines()[0])
"""


def module(file: Path, word: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"WORD = {word!r}\ndef say():\n    return WORD\n")


def start(home: Path) -> list[str]:
    """A process that imports from two folders, of which the first one may be empty."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", PROGRAM, str(home / "first"), str(home / "second")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def lines(*words: str, known: tuple[bool, bool, bool]) -> list[str]:
    names = (("of_a_user", ""), ("packed", "packed"), ("packed.inner", "packed"))
    told = [
        f"{name} {is_known} {word} {parent} True True" for (name, parent), is_known, word in zip(names, known, words, strict=True)
    ]
    return [*told, "def say():"]


def test_the_second_start_imports_what_is_kept_until_it_changes(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    for name in ("of_a_user", "packed/__init__", "packed/inner"):
        module(tmp_path / "second" / f"{name}.py", "one")

    assert start(tmp_path) == lines("one", "one", "one", known=(False, False, False))
    assert start(tmp_path) == lines("one", "one", "one", known=(True, True, True))

    module(tmp_path / "second" / "of_a_user.py", "other")
    assert start(tmp_path) == lines("other", "one", "one", known=(False, True, True))

    (tmp_path / "second" / "packed" / "new.py").touch()  # something in that folder could come first now
    assert start(tmp_path) == lines("other", "one", "one", known=(True, True, False))


def test_what_comes_first_now_is_imported(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    for name in ("of_a_user", "packed/__init__", "packed/inner"):
        module(tmp_path / "second" / f"{name}.py", "one")
    start(tmp_path)
    module(tmp_path / "first" / "of_a_user.py", "nearer")

    assert start(tmp_path) == lines("nearer", "one", "one", known=(False, False, True))
    assert start(tmp_path) == lines("nearer", "one", "one", known=(True, True, True))
