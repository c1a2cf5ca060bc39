"""A machine that cannot run the lab is told all that it lacks and how to get it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from windlass.errors import LabError
from windlass.lab import requirements
from windlass.lab.requirements import PROGRAMS, Fault, missing_programs, report


def test_every_missing_program_is_named_with_one_command_for_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(requirements, "ADMINISTRATORS", "/nonexistent")
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in set(PROGRAMS) - {"mmdebstrap", "nft", "ip"}:
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(0o755)

    with pytest.raises(LabError) as caught:
        requirements.refuse_unfit_machine()

    assert caught.value.message == (
        "this machine cannot run the lab; it lacks the program mmdebstrap, the program ip, the program nft"
    )
    assert caught.value.hint == "apt-get install -y iproute2 mmdebstrap nftables"


def test_nothing_is_missing_where_all_programs_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in PROGRAMS:
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(0o755)

    assert missing_programs() == []


def test_a_program_beside_the_path_is_not_to_be_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(requirements, "ADMINISTRATORS", str(tmp_path))
    monkeypatch.setenv("PATH", "/nonexistent")
    for name in PROGRAMS:
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(0o755)

    assert missing_programs()[0] == Fault("mmdebstrap on the PATH", f"export PATH=$PATH:{tmp_path}")


def test_a_report_is_one_sentence() -> None:
    faults = [Fault("namespaces", "a"), Fault("overlay mounts", "b")]

    assert report(faults) == "this machine cannot run the lab; it lacks namespaces, overlay mounts"


def test_anybody_but_root_is_told_to_use_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with pytest.raises(LabError, match="it lacks the rights of root") as caught:
        requirements.refuse_other_than_root()

    assert "sudo" in caught.value.hint
