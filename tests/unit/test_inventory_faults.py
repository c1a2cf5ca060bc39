"""Everything that is wrong with an inventory is said at once, exactly, with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.unit.inventory_support import environment_in
from windlass.errors import InventoryError, UsageError

CASES = sorted((Path(__file__).parents[1] / "cases" / "inventory").glob("*.yml"))


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_files_give_these_faults(case: Path, tmp_path: Path) -> None:
    described = yaml.safe_load(case.read_text(encoding="utf-8"))

    with pytest.raises(InventoryError) as caught:
        environment_in(tmp_path, described["files"])

    count = len(described["faults"])
    assert list(caught.value.last_lines) == described["faults"]
    assert caught.value.message == f"inventories/staging: {count} fault{'s' if count > 1 else ''}"
    assert caught.value.exit_code == 2


def test_there_are_cases() -> None:
    assert len(CASES) >= 8


def test_an_environment_that_does_not_exist_is_a_wrong_command(tmp_path: Path) -> None:
    environment_in(tmp_path, {"hosts.yml": "hosts: {web1: {address: 192.0.2.1}}"})

    with pytest.raises(UsageError) as caught:
        environment_in_folder(tmp_path, "stagin")

    assert caught.value.message == "there is no environment 'stagin' (did you mean staging?)"
    assert caught.value.hint == "environments: staging"


def environment_in_folder(project: Path, name: str) -> None:
    from windlass.inventory import load  # noqa: PLC0415

    load(project / "inventories" / name, {}, project=project)


def test_a_fault_in_a_role_s_defaults_names_that_file(tmp_path: Path) -> None:
    roles = {"web": "port: 80\nnames: {}\nprot: 1\n", "data": "size: a lot\nneeded: x\n"}
    hosts = "hosts: {web1: {address: 192.0.2.1}}\ngroups: {all: {roles: [web, data]}}\n"

    with pytest.raises(InventoryError) as caught:
        environment_in(tmp_path, {"hosts.yml": hosts}, roles=roles)

    assert list(caught.value.last_lines) == [
        "roles/data/defaults.yml:1: data.size: should be a whole number, not a lot",
        "roles/web/defaults.yml:3: web.prot: the role web has no such setting (did you mean port?)",
    ]
