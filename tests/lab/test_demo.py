"""`make demo` from a fresh clone: the story ends well, and its figures are what they claim to be."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.suite.stock import furnished
from windlass import lab
from windlass.flows.twin import lab_spec, labs_folder
from windlass.flows.workspace import load_environment

pytestmark = pytest.mark.lab

TOP = Path(__file__).parent.parent.parent
KINDS = {"web1": "data", "web2": "data", "app1": "app", "app2": "app"}


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Path]:
    """What somebody gets who clones the repository now, and hosts for it that have their packages already, but for the one outside.

    That bare hosts become what their roles say is shown in `roles` and `tls`.
    """
    folder = tmp_path / "windlass"
    subprocess.run(["git", "clone", "-q", str(TOP), str(folder)], check=True)
    try:
        furnished(lab_spec(load_environment(folder, "lab")), labs_folder(folder), KINDS)
        yield folder
    finally:
        lab.down("lab", root=folder / ".windlass" / "labs", say=lambda _line: None)


def test_the_demonstration_loses_no_request_and_no_row(clone: Path) -> None:
    """But for the ports from 10,000 on, which are tried in `test_firewall`."""
    command = [sys.executable, "-m", "demo", "--connections", "8", "--ports", "1-9999"]
    told = subprocess.run(command, cwd=clone, capture_output=True, text=True, check=False)

    assert told.returncode == 0, told.stdout + told.stderr
    figures = json.loads((clone / "build" / "demo.json").read_text())
    assert figures["lost"] == 0
    assert figures["requests"] > 500
    assert figures["rows"]["before"] == figures["rows"]["after"] == 1000
    assert figures["setup"]["changed"] > 100
    assert figures["setup"]["changed_again"] == 0
    assert set(figures["grades"].values()) == {"A+"}
    assert figures["open_from_outside"] == [22, 80, 443, 4873]
    assert "dump.zst.age" in figures["off_site"]
    assert figures["secret"] == {"read_from": 6, "leaked": 0}
    assert set(figures["switch_milliseconds"]) == {"app1", "app2"}
    assert "what to type next" in told.stdout
