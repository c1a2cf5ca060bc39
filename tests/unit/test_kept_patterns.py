"""Regular expressions kept compiled: they are the same ones, and only those that stand in the text of a module."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import re, sys
from windlass import kept
from windlass.tasks import kept_patterns
kept.start()
kept_patterns.start()
import yaml, jinja2, windlass.inventory.schema
sys.path.insert(0, sys.argv[1])
import of_a_user
def one(text):
    return re.compile(text)
one("made-of-a-value+")
print(len(kept_patterns.KEPT.new), of_a_user.WORDS.findall("a-words b"))
date = yaml.safe_load("2026-11-29")
pattern = re.compile(r"(?P<word>[a-z]+)-\\d", re.I | re.X)
print(date, pattern.fullmatch("Ab-1")["word"], pattern.flags, pattern.groupindex, jinja2.Template("{{ a }}b").render(a=1))
"""


def start(home: Path) -> tuple[int, str]:
    """A process that loads modules with patterns in them: how many it had to compile and keep, and what they find."""
    (home / "of_a_user.py").write_text("import re\nWORDS = re.compile('[a-z]-words')\n")
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
    command = [sys.executable, "-c", PROGRAM, str(home)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    count, _, found = done.stdout.strip().partition(" ")
    return int(count), found


def test_the_second_start_compiles_none_of_them_and_finds_the_same(tmp_path: Path) -> None:
    (first, found), (second, again) = start(tmp_path), start(tmp_path)

    assert (first > 20, second) == (True, 0)
    assert found == again
    assert found.endswith("['a-words']\n2026-11-29 Ab 98 {'word': 1} 1b")


def test_what_a_function_or_a_users_file_makes_is_not_kept(tmp_path: Path) -> None:
    start(tmp_path)
    (file,) = (tmp_path / ".cache" / "windlass").iterdir()

    assert file.name.startswith("patterns-")
    content = file.read_bytes()
    assert b"made-of-a-value" not in content
    assert b"-words" not in content


def test_a_python_that_makes_them_in_another_way_compiles_as_ever(tmp_path: Path) -> None:
    begun, _, _ = PROGRAM.partition("import yaml")
    program = f"import re, sys; sys.modules.pop('re._compiler')\n{begun}print(re.findall('a+', 'baa'))"
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}

    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)

    assert done.stdout == "['aa']\n"
    assert not (tmp_path / ".cache").exists()
