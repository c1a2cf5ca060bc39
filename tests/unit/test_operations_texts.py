"""Texts that operations write for systemd and apt, and what they refuse because it could not be written."""

from __future__ import annotations

import pytest

from windlass.errors import InventoryError
from windlass.operations.apt import AptRepository
from windlass.operations.unit import SystemdTimer


def test_a_variable_of_a_timer_s_job_arrives_as_it_was_given() -> None:
    timer = SystemdTimer(name="tidy", command="/usr/bin/tidy", calendar="daily", environment={"RATE": '5 % of "all" \\'})

    files = timer.arguments()["files"]
    assert isinstance(files, dict)
    assert 'Environment="RATE=5 %% of \\"all\\" \\\\"\n' in files["tidy.service"]


@pytest.mark.parametrize(
    ("suites", "components"),
    [(("bookworm", "./"), ()), (("bookworm", "./"), ("main",)), (("./",), ("main",)), (("bookworm",), ())],
)
def test_suites_by_name_want_components_and_paths_want_none(suites: tuple[str, ...], components: tuple[str, ...]) -> None:
    with pytest.raises(InventoryError, match="suites and components do not fit"):
        AptRepository(name="x", uris=("https://example.org/debian",), suites=suites, components=components)
