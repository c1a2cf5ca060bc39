"""Each setting of each role means something: with another value the role wants something else of a host."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.role_turns import NOT_ON_A_HOST, REFUSED, ROLES, TLS
from tests.unit.roles_sample import APPLICATION, CATALOGUE, environment, view
from windlass.inventory import Environment
from windlass.operations.wire import Batch, encode

SAMPLE = f"""\
applications:
  shop:
    hosts: app
{APPLICATION}
    site: {{balancer: web, domains: [shop.example.org], tls: true}}
  notes:
    hosts: app1
    runtime: python
    source: {{git: "https://git.example.org/notes.git", ref: main}}
    processes: {{web: {{command: serve, listen: port, ports: {{blue: 4003, green: 4004}}}}}}
    site: {{port: 8088, local_port: 8089}}
groups:
  edge: {{hosts: [web1, web2], roles: [certificates]}}
  snakes: {{hosts: [app1], roles: [python, docker]}}
"""
HOST = {"certificates": "web1", "nginx": "web1", "postgresql": "data1", "redis": "data1"}  # others: app1
# Another value than the one in defaults.yml, which the sample shows.
OTHER: dict[str, dict[str, Any]] = {
    "app": {"open_files": 1024, "log_size": "5M", "log_keep": 3},
    "base": {
        "packages": ["cron"], "more_packages": ["htop"], "users": {"ada": {"groups": ["adm"]}}, "time_zone": "Europe/Berlin",
        "hostname": "else", "directories": {"/srv/x": {}}, "sysctl": {"vm.swappiness": 10}, "security_updates": True,
        "ssh": {"managed": True},
    },
    "certificates": {
        "contact": "a@example.org", "directory": "https://else.example.org/dir", "staging": True, "profile": "shortlived",
        "renew_at": "*-*-* 03:00:00", "deploy_hooks": ["/usr/local/bin/hook"],
    },
    "docker": {"packages": ["docker-ce"], "log_driver": "local", "log_options": {"max-size": "50m"}},
    "firewall": {
        "ssh_ports": [22, 2022], "ssh_sources": ["192.0.2.0/24"], "ssh_per_minute": 9, "confirm_seconds": 20,
        "openings": [{"port": 9100, "sources": ["192.0.2.40"], "reason": "x"}],
    },
    "nginx": {
        "worker_connections": 512, "keepalive_seconds": 9, "keepalive_requests": 9, "gzip": False, "ipv6": False,
        "balancer_keepalive": 9, "connect_seconds": 9, "max_fails": 9, "fail_seconds": 9,
    },
    "postgresql": {
        "version": 17, "databases": {"d": {"owner": "d", "password": {"secret": "password"}}}, "parameters": {"work_mem": "9MB"},
        "more_access": ["host all x 192.0.2.40/32 scram-sha-256"],
    },
    "python": {"packages": ["python3.13"], "more_packages": ["libpq-dev"]},
    "redis": {
        "password": {"secret": "password"}, "maxmemory": "9mb", "maxmemory_policy": "allkeys-lru", "appendonly": False,
        "more": ["timeout 300"],
    },
}  # fmt: skip
# What shows only beside other settings, in the agent or in other flows; nodejs and stack have tests of their own.
ELSEWHERE = {
    "base": {"sysctl_live"},
    "certificates": {"staging_directory", "directory_authority", "grade_paths"},
    "python": {"interpreter"},
    "nodejs": set(CATALOGUE.schemas()["nodejs"].model.model_fields),
    "stack": set(CATALOGUE.schemas()["stack"].model.model_fields),
}
PAIRS = [(role, name) for role, values in OTHER.items() for name in values]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return environment(tmp_path_factory.mktemp("sample"), SAMPLE)


def test_every_setting_of_every_role_is_one_of_these() -> None:
    known = {role: set(OTHER.get(role, ())) | ELSEWHERE.get(role, set()) for role in CATALOGUE.schemas()}

    assert {role: set(schema.model.model_fields) for role, schema in CATALOGUE.schemas().items()} == known


def test_every_setting_of_every_role_is_compared_on_a_host_or_it_is_said_why_not() -> None:
    """That a check says what the run does; the role stack has tests of its own (lab/compose)."""
    compared = {(turn.role, name) for turn in (*ROLES, *TLS, *(turn for turn, _said in REFUSED)) for name in turn.settings}
    every = {(role, name) for role, schema in CATALOGUE.schemas().items() for name in schema.model.model_fields}

    assert compared | set(NOT_ON_A_HOST) == {(role, name) for role, name in every if role != "stack"}
    assert compared & set(NOT_ON_A_HOST) == set()


@pytest.mark.parametrize(("role", "name"), PAIRS)
def test_another_value_wants_something_else(role: str, name: str, sample: Environment) -> None:
    assert wanted(sample, role, {name: OTHER[role][name]}) != wanted(sample, role, {})


def wanted(sample: Environment, role: str, changed: dict[str, Any]) -> object:
    host = HOST.get(role, "app1")
    settings = sample.settings(host, role)
    other = type(settings).model_validate(settings.model_dump() | changed)
    return encode(Batch(tuple(CATALOGUE.wanted(role, view(sample, host), other)))).body["operations"]
