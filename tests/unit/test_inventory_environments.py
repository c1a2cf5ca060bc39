"""The environments that come with the repository are right, down to the last template."""

from __future__ import annotations

import textwrap
from functools import cache
from pathlib import Path

import pytest

from windlass.flows.catalogue import Catalogue
from windlass.inventory import (
    Environment,
    environment_file,
    load,
    local_secrets,
    process_command,
    process_environment,
    release_files,
    scope,
)

PROJECT = Path(__file__).parents[2]
NAMES = sorted(path.name for path in (PROJECT / "inventories").iterdir() if path.is_dir())


@cache
def environment(name: str) -> Environment:
    return load(PROJECT / "inventories" / name, Catalogue(PROJECT).schemas(), project=PROJECT)


def test_there_are_three() -> None:
    assert NAMES == ["lab", "production", "staging"]


@pytest.mark.parametrize("name", NAMES)
def test_every_host_has_settings_for_all_its_roles(name: str) -> None:
    loaded = environment(name)

    for host in loaded.hosts.values():
        for role in loaded.roles_of(host):
            assert isinstance(loaded.settings(host, role), loaded.roles[role].model)


@pytest.mark.parametrize("name", NAMES)
def test_every_template_can_be_filled_on_every_host(name: str) -> None:
    loaded = environment(name)
    given = {f"WINDLASS_SECRET_{secret.upper()}": f"value-of-{secret}" for secret in loaded.secrets}
    secrets = local_secrets(loaded, given)

    for application in loaded.applications.values():
        for host in loaded.hosts_of(application.hosts):
            of_release = scope(loaded, host, secrets, application, {"release": "r1"})
            values = process_environment(loaded, application, None, of_release)
            assert environment_file(values).reveal().count("\n") == len(values)
            assert set(release_files(loaded, application, of_release)) == set(application.files)
            for process in application.processes.values():
                of_slot = {**of_release, "slot": "blue", "listen": "4000", "instance": 0}
                assert process_environment(loaded, application, process, of_slot).keys() >= process.environment.keys()
                assert "{{" not in process_command(loaded, application, process, of_slot)


def test_every_shipped_address_is_reserved_for_documentation() -> None:
    addresses = {
        address for name in NAMES for host in environment(name).hosts.values() for address in (host.address, host.private_address)
    }

    assert [
        address for address in addresses if not address.startswith(("192.0.2.", "198.51.100.", "203.0.113.", "2001:db8:"))
    ] == []


def test_production_is_what_the_guide_says() -> None:
    production = environment("production")

    assert production.confirm is True
    assert {host.name: host.jump for host in production.hosts.values()} == {
        "bastion": "", "web1": "bastion", "web2": "bastion", "app1": "bastion", "app2": "bastion", "app3": "bastion",
        "db1": "bastion", "redis1": "bastion",
    }  # fmt: skip
    assert [host.name for host in production.hosts_of("app,!canary")] == ["app2", "app3"]
    assert next(one for one in production.explain("app1") if one.setting == "log_keep").level == "group canary"


def test_the_guide_s_first_inventory_is_right(tmp_path: Path) -> None:
    guide = (PROJECT / "docs" / "inventory.md").read_text(encoding="utf-8")
    example = guide.partition("it is no more than this:\n")[2].partition("`invoke inventory.check`")[0]
    folder = tmp_path / "inventories" / "first"
    folder.mkdir(parents=True)
    (folder / "all.yml").write_text(textwrap.dedent(example), encoding="utf-8")

    loaded = load(folder, Catalogue(PROJECT).schemas(), project=tmp_path)

    assert loaded.roles_of("web1") == ("base", "firewall", "nginx", "nodejs", "app")
    assert loaded.application("shop").web.command == "node server.js"
