"""How a dump is compressed, by the version of PostgreSQL and the build of pg_dump."""

from __future__ import annotations

from pathlib import Path

import pytest

from windlass.agent.core import postgres, process
from windlass.agent.core.dumping import compression
from windlass.agent.core.postgres import Server


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


def test_programs_of_a_dump_get_wide_buffers_where_the_host_can_give_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    server = Server(150000, "15.0", "/data", {})
    for program in ("stdbuf", "pg_dump"):
        (tmp_path / program).write_text("#!/bin/sh\n")
        (tmp_path / program).chmod(0o755)
    monkeypatch.setattr(postgres, "PLACES", (str(tmp_path),))

    monkeypatch.setattr(process, "PATH", str(tmp_path))
    wide = server.streaming("pg_dump", ["--output=1M"])
    monkeypatch.setattr(process, "PATH", "/nowhere")
    plain = server.streaming("pg_dump", ["--output=1M"])

    assert (wide[0], wide[-1]) == ("stdbuf", str(tmp_path / "pg_dump"))
    assert plain == [str(tmp_path / "pg_dump")]
