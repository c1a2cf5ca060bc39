"""What holds for every role: explained settings, and steps that are plain values, the same each time."""

from __future__ import annotations

import re
from functools import cache

import pytest
import yaml

from tests.unit.roles_sample import CATALOGUE, PROJECT, steps
from windlass.inventory import Environment, load
from windlass.operations.wire import Batch, encode
from windlass.plans.topology import Surroundings

ROLES = sorted(CATALOGUE.folders)
IN_LAB = Surroundings(npm_registry="https://registry.example.org/", ssh_network="192.0.2.0/24", own_kernel=False)


@cache
def environment(name: str) -> Environment:
    return load(PROJECT / "inventories" / name, CATALOGUE.schemas(), project=PROJECT)


def test_the_roles_that_there_are() -> None:
    assert ROLES == [
        "app",
        "base",
        "certificates",
        "docker",
        "firewall",
        "nginx",
        "nodejs",
        "postgresql",
        "python",
        "redis",
        "stack",
    ]


@pytest.mark.parametrize("role", ROLES)
def test_every_setting_has_its_value_in_the_defaults_and_nowhere_else(role: str) -> None:
    schema = CATALOGUE.schemas()[role]
    defaults = yaml.safe_load(schema.defaults.read_text())

    assert list(defaults) == list(schema.model.model_fields)
    assert [name for name, field in schema.model.model_fields.items() if not field.is_required()] == []
    assert schema.model.model_config["frozen"] is True
    assert schema.model.model_config["extra"] == "forbid"


@pytest.mark.parametrize("role", ROLES)
def test_every_setting_is_explained_above_its_value(role: str) -> None:
    lines = (CATALOGUE.folders[role] / "defaults.yml").read_text().splitlines()
    settings = [number for number, line in enumerate(lines) if re.match(r"[a-z]", line)]

    bare = [lines[number] for number in settings if not re.match(r"#|[a-z]", lines[number - 1])]

    assert bare == []


@pytest.mark.parametrize("name", ["lab", "production", "staging"])
def test_all_roles_of_all_hosts_of_the_environments_give_a_batch(name: str) -> None:
    loaded = environment(name)

    for host in loaded.hosts:
        wanted = [[each for role in loaded.roles_of(host) for each in steps(loaded, host, role, IN_LAB)] for _ in range(2)]
        body = encode(Batch(tuple(wanted[0]))).body
        assert wanted[0] == wanted[1]
        assert len(body["operations"]) == len(wanted[0])


def test_no_operation_of_a_host_has_the_title_of_another() -> None:
    loaded = environment("lab")

    for host in loaded.hosts:
        titles = [each.title() for role in loaded.roles_of(host) for each in steps(loaded, host, role, IN_LAB)]
        repeated = {title for title in titles if titles.count(title) > 1}
        assert repeated <= {"systemd reads its units again", "directory /etc/windlass"}
