"""What dpkg's own file says for sure, and what it does not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from windlass.agent.core.dpkg import STATUS, Status

TEXT = """\
Package: curl
Status: install ok installed
Architecture: amd64
Version: 7.88.1-10
Description: a tool
 Package: wget
 .
 Status: install ok installed

Package: held
Essential: yes
Status: hold ok installed
Version: 1.0

Package: half
Status: install ok unpacked
Version: 2.0

Package: gone
Status: deinstall ok config-files
Version: 2.0

Package: both
Status: deinstall ok config-files
Architecture: i386
Version: 1

Package: both
Status: install ok installed
Architecture: amd64
Version: 2
"""


def status(folder: Path, text: str = TEXT) -> Status:
    (folder / "updates").mkdir(exist_ok=True)
    (folder / "status").write_text(text)
    return Status(str(folder / "status"), str(folder / "updates"))


@pytest.mark.parametrize("names", [["curl"], ["held", "curl"], ["both"], ["both=2"], ["curl=7.88.1-10"]])
def test_what_is_installed(tmp_path: Path, names: list[str]) -> None:
    assert status(tmp_path).surely_has(names)
    assert status(tmp_path, TEXT.rstrip("\n")).surely_has(names)


@pytest.mark.parametrize("name", ["wget", "half", "gone", "both=1", "curl=7", "cur", "url", "curl:amd64", "", "none", "c.rl"])
def test_what_it_leaves_to_dpkg(tmp_path: Path, name: str) -> None:
    assert not status(tmp_path).surely_has(["curl", name])


def test_while_dpkg_is_at_work_nothing_is_sure(tmp_path: Path) -> None:
    assert status(tmp_path).surely_has(["curl"])
    (tmp_path / "updates" / "0000").write_text("Package: curl\nStatus: deinstall ok config-files\n")
    assert not status(tmp_path).surely_has(["curl"])
    assert not Status(str(tmp_path / "no"), str(tmp_path / "where")).surely_has(["curl"])


@pytest.mark.skipif(not Path(STATUS).exists(), reason="no Debian")
def test_it_says_what_dpkg_says_of_this_machine() -> None:
    form = "${Package} ${Version} ${db:Status-Status}\n"
    shown = subprocess.run(["dpkg-query", "--show", "-f", form], capture_output=True, text=True, check=True).stdout
    lines = [line.split(" ") for line in shown.splitlines()]
    found = Status()

    assert [name for name, version, state in lines if state == "installed" and not found.surely_has([f"{name}={version}"])] == []
