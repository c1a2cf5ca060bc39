"""A source's `.env.example` against the inventory, before any host is asked."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from tests.unit.inventory_support import environment_in
from windlass import events
from windlass.errors import RefusedError
from windlass.flows.deployment.environment_keys import check_keys
from windlass.flows.workspace import load_environment

TEXT = """\
hosts: {web1: {address: 192.0.2.1}}
applications:
  shop:
    hosts: web1
    source: {path: code}
    processes:
      web: {command: node server.js, listen: socket, environment: {PORT: "{{ listen }}"}}
    environment:
      URL: x
      EXTRA: y
"""
REPOSITORY = Path(__file__).parents[2]


def tar_of(folder: Path, files: dict[str, str]) -> Path:
    path = folder / "source.tar"
    with tarfile.open(path, "w") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return path


def test_what_is_needed_and_missing_is_refused_by_name_and_place(tmp_path: Path) -> None:
    environment = environment_in(tmp_path, {"all.yml": TEXT})
    notes: list[object] = []
    source = tar_of(tmp_path, {".env.example": "URL=\nPORT=\nTOKEN=\nMAIL=\nLEVEL=info\n", "web/.env.example": "OTHER=\n"})

    with pytest.raises(RefusedError, match=r"shop needs .* does not give: MAIL, TOKEN$") as caught:
        check_keys(environment, environment.application("shop"), source, notes.append)

    assert "inventories/staging/all.yml:8" in caught.value.hint
    assert notes == [events.Note("not in shop's .env.example: EXTRA", warning=True)]


def test_a_source_without_an_example_asks_for_nothing(tmp_path: Path) -> None:
    environment = environment_in(tmp_path, {"all.yml": TEXT})
    notes: list[object] = []

    check_keys(environment, environment.application("shop"), tar_of(tmp_path, {"server.js": ""}), notes.append)

    assert notes == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("lab", []),
        ("staging", ["not in tickets's .env.example: SUPPORT_ADDRESS"]),
        ("production", ["not in tickets's .env.example: ERROR_REPORTS_DSN, SUPPORT_ADDRESS, ZONE"]),
    ],
)
def test_the_sample_gets_what_it_needs_in_every_environment_that_has_it(name: str, said: list[str], tmp_path: Path) -> None:
    environment = load_environment(REPOSITORY, name)
    text = (REPOSITORY / "samples/tickets/.env.example").read_text()
    notes: list[object] = []

    check_keys(environment, environment.application("tickets"), tar_of(tmp_path, {".env.example": text}), notes.append)

    assert notes == [events.Note(text, warning=True) for text in said]
