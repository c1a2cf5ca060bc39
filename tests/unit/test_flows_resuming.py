"""Which hosts a run was for."""

from __future__ import annotations

from pathlib import Path

import pytest

from windlass.errors import UsageError
from windlass.flows.resuming import MOST, Started, recall, remember


def test_a_run_is_found_again_in_its_environment(tmp_path: Path) -> None:
    started = Started("20260102T030405-1f2e3d", "staging", ("web1", "web2"), ("nginx",))
    remember(tmp_path, started)

    assert recall(tmp_path, started.run, "staging") == started
    with pytest.raises(UsageError, match="was for staging, not for production"):
        recall(tmp_path, started.run, "production")


def test_a_record_that_was_torn_is_of_a_run_that_touched_nothing(tmp_path: Path) -> None:
    remember(tmp_path, Started("20260102T030405-1f2e3d", "staging", ("web1",)))
    (record,) = (tmp_path / ".windlass/resume").iterdir()
    record.write_text('{"environment": "stag')

    with pytest.raises(UsageError, match="broke off before it had touched a host"):
        recall(tmp_path, "20260102T030405-1f2e3d", "staging")


def test_a_run_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no run one"):
        recall(tmp_path, "one", "staging")
    for number in range(MOST + 5):
        remember(tmp_path, Started(f"run{number:03}", "staging", ("web1",)))

    with pytest.raises(UsageError, match="there is no run run000") as caught:
        recall(tmp_path, "run000", "staging")
    assert f"run{MOST + 4:03}" in caught.value.hint
