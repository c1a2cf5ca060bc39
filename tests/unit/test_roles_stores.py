"""The roles postgresql and redis: who may come in, what restarts them, and where the passwords are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.roles_sample import BALANCED, WORD, environment, steps, text
from windlass.errors import InventoryError
from windlass.operations.operation import Operation
from windlass.operations.postgres_role import PostgresRole
from windlass.operations.postgresql import PostgresDatabase
from windlass.operations.service import Service
from windlass.operations.template import Template
from windlass.operations.wire import Batch, encode
from windlass.values import Secret

DATABASES = """\
variables:
  postgresql:
    databases:
      shop: {owner: seller, password: {secret: password}, extensions: [citext]}
    more_access: ["host all watcher 192.0.2.40/32 scram-sha-256"]
"""
CLUSTER = "/etc/postgresql/15/main"
REDIS = "/etc/redis/redis.conf"


def settings(operations: list[Operation], file: str) -> dict[str, str]:
    rows = text(operations, f"{CLUSTER}/conf.d/{file}").splitlines()[1:]
    return dict(row.split(" = ", 1) for row in rows)


def test_each_database_is_open_to_the_applications_hosts_and_to_its_owner(tmp_path: Path) -> None:
    access = text(steps(environment(tmp_path, BALANCED, DATABASES), "data1", "postgresql"), f"{CLUSTER}/pg_hba.conf").splitlines()

    assert [line for line in access if line and not line.startswith("#")] == [
        "local all postgres peer",
        "local all all peer",
        "host all all 127.0.0.1/32 scram-sha-256",
        "host all all ::1/128 scram-sha-256",
        "host shop seller 198.51.100.21/32 scram-sha-256",
        "host shop seller 2001:db8::22/128 scram-sha-256",
        "host all watcher 192.0.2.40/32 scram-sha-256",
    ]


def test_what_needs_a_restart_stands_in_a_file_of_its_own(tmp_path: Path) -> None:
    parameters = "shared_buffers: 1GB, work_mem: 8MB, jit: false, application_name: it's, log_line_prefix: '%m \\d'"
    more = f"variables: {{postgresql: {{parameters: {{{parameters}}}}}}}\n"
    wanted = steps(environment(tmp_path, more), "data1", "postgresql")
    restart, reload = (each for each in wanted if each.title().endswith(("windlass-restart.conf", "conf.d/windlass.conf")))

    assert settings(wanted, "windlass-restart.conf") == {
        "listen_addresses": "'127.0.0.1,::1,198.51.100.30'",
        "shared_buffers": "'1GB'",
    }
    assert settings(wanted, "windlass.conf") == {
        "application_name": "'it''s'",
        "jit": "'off'",
        "log_line_prefix": r"'%m \\d'",
        "password_encryption": "'scram-sha-256'",
        "work_mem": "'8MB'",
    }
    (cluster,) = (each for each in wanted if isinstance(each, Service) and each.name == "postgresql@15-main")
    assert cluster.restart_on == (restart,)
    assert cluster.reload_on[0] == reload


def test_the_role_comes_before_the_database_that_it_owns(tmp_path: Path) -> None:
    wanted = steps(environment(tmp_path, DATABASES), "data1", "postgresql")

    assert wanted[-2:] == [
        PostgresRole(name="seller", password=Secret(WORD)),
        PostgresDatabase(name="shop", owner="seller", extensions=("citext",)),
    ]
    assert WORD not in repr(wanted)


def test_the_port_is_no_parameter_because_the_firewall_knows_it(tmp_path: Path) -> None:
    with pytest.raises(InventoryError) as caught:
        environment(tmp_path, "variables: {postgresql: {parameters: {port: 5433}}}\n")

    assert "port is always 5432" in "\n".join(caught.value.last_lines)


def test_redis_listens_where_its_clients_are_and_throws_nothing_away(tmp_path: Path) -> None:
    wanted = text(steps(environment(tmp_path), "data1", "redis"), REDIS).splitlines()

    assert [line for line in wanted if line.startswith(("bind", "maxmemory", "appendonly", "requirepass"))] == [
        "bind 127.0.0.1 198.51.100.30 -::1",
        "appendonly yes",
        "maxmemory 256mb",
        "maxmemory-policy noeviction",
    ]


def test_the_password_of_redis_is_a_secret_on_its_way(tmp_path: Path) -> None:
    wanted = steps(environment(tmp_path, "variables: {redis: {password: {secret: password}}}\n"), "data1", "redis")
    (configuration,) = (each for each in wanted if isinstance(each, Template))

    assert f'requirepass "{WORD}"' in text(wanted, REDIS).splitlines()
    assert configuration.arguments()["sensitive"] is True
    assert set(encode(Batch(tuple(wanted))).body["secrets"]) == Secret(WORD).shapes()


def test_a_password_of_redis_with_signs_of_its_own_is_the_one_that_was_given(tmp_path: Path) -> None:
    wanted = steps(environment(tmp_path, "variables: {redis: {password: {secret: password}}}\n"), "data1", "redis")
    (configuration,) = (each for each in wanted if isinstance(each, Template))
    given = Secret('a"b\\c\nuser default on nopass')

    content = replace(configuration, values={**configuration.values, "password": given}).content()

    assert isinstance(content, Secret)
    assert r'requirepass "a\"b\\c\nuser default on nopass"' in content.reveal().splitlines()


def test_redis_with_neither_password_nor_firewall_is_refused(tmp_path: Path) -> None:
    loaded = environment(tmp_path)
    exposed = {name: group.model_copy(update={"roles": ("base", "redis")}) for name, group in loaded.groups.items()}

    with pytest.raises(InventoryError, match="Redis would serve anybody who reaches it"):
        steps(replace(loaded, groups=exposed), "data1", "redis")
    assert steps(loaded, "data1", "redis")
