"""How a dump is compressed, by the version of PostgreSQL and the build of pg_dump."""

from __future__ import annotations

import pytest

from windlass.agent.core.dumping import compression


@pytest.mark.parametrize(
    ("major", "able", "option", "level", "inner"),
    [
        (11, False, "--compress=0", "-1", ""),
        (15, True, "--compress=0", "-1", ""),
        (16, True, "--compress=zstd:1", "-1", "zstd"),
        (16, False, "--compress=0", "-1", ""),  # built without libzstd
        (18, True, "--compress=zstd:1", "-1", "zstd"),
    ],
)
def test_from_16_on_pg_dump_compresses_where_it_can(major: int, *, able: bool, option: str, level: str, inner: str) -> None:
    chosen = compression(major, able)

    assert (chosen.option, chosen.inner, level in chosen.squeeze) == (option, inner, True)
    assert "zstd" in chosen.squeeze, "a frame with a checksum in any case, so that all dumps open alike"
