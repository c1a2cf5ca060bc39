"""Templates of files kept as they were understood; texts that somebody made in a program are not, for a secret may be in them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
from windlass import kept
from windlass.errors import InventoryError
from windlass.operations.template import Template, TemplateText, UNDERSTOOD
kept.start()
print(Template(path="/a", source=TemplateText("port {{ port }}\\n"), values={"port": 8}).content().strip(), end=" ")
print(Template(path="/a", source="made-of-a-value {{ port }}", values={"port": 8}).content(), len(UNDERSTOOD.new))
try:
    Template(path="/a", name="role/a.j2", source=TemplateText("one\\n{{ missing }}\\n")).content()
except InventoryError as error:
    print(error.message)
"""


def start(home: Path) -> str:
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
    return subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True).stdout


def test_a_template_is_understood_once_and_says_the_same_of_a_fault(tmp_path: Path) -> None:
    first, second = start(tmp_path), start(tmp_path)

    fault = "template role/a.j2 of /a, line 2: 'missing' is undefined\n"
    assert first == f"port 8 made-of-a-value 8 1\n{fault}"
    assert second == f"port 8 made-of-a-value 8 0\n{fault}"
    (file,) = (tmp_path / ".cache" / "windlass").iterdir()
    assert b"made-of-a-value" not in file.read_bytes()
