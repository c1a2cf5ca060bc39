"""What an inventory that is right becomes: hosts, groups, applications, and what counts among four levels."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.inventory_support import DataSettings, Limits, WebSettings, environment_in
from windlass.errors import InventoryError, UsageError
from windlass.inventory import GitSource, NpmSource, Origin, PathSource, Ports, SecretReference, explain, settings

HOSTS = """\
environment: {user: operator, description: for the tests, known_hosts: keys/known_hosts}
hosts:
  bastion: {address: 192.0.2.1, user: jumper, port: 2222}
  app1:
    address: app1.example.org
    private_address: 198.51.100.1
    jump: bastion
    labels: {zone: fra1, rack: 7}
    variables:
      web: {limits: [{files: 4096}]}
      custom: {greeting: hello}
  app2: {address: "2001:db8::2", jump: bastion}
  db1: {address: 192.0.2.4}
"""
GROUPS = """\
groups:
  data:
    hosts: [db1]
    roles: [data]
    variables: {data: {needed: disk}}
  canary:
    hosts: [app2]
    variables: {web: {port: 8082}}
  app:
    hosts: [app1]
    children: [canary]
    roles: [web]
    variables:
      web: {port: 8080, names: {b: two}}
  all: {roles: [web]}
variables:
  web:
    names: {c: three}
    password: {secret: web_password}
  custom: {greeting: good day, team: anchors}
secrets:
  web_password: {description: for the page, generate: 20}
"""


def test_hosts_know_their_names_and_take_what_is_not_said_from_around_them(tmp_path: Path) -> None:
    environment = environment_in(tmp_path, {"hosts.yml": HOSTS, "groups.yml": GROUPS})

    assert [
        (host.name, host.address, host.private_address, host.user, host.port, host.jump) for host in environment.hosts.values()
    ] == [
        ("bastion", "192.0.2.1", "192.0.2.1", "jumper", 2222, ""),
        ("app1", "app1.example.org", "198.51.100.1", "operator", 22, "bastion"),
        ("app2", "2001:db8::2", "2001:db8::2", "operator", 22, "bastion"),
        ("db1", "192.0.2.4", "192.0.2.4", "operator", 22, ""),
    ]
    assert environment.host("app1").labels == {"zone": "fra1", "rack": "7"}
    assert environment.known_hosts == tmp_path / "keys" / "known_hosts"
    assert environment.description == "for the tests"


def test_the_way_in_is_the_host_s_or_its_last_group_s_or_the_environment_s(tmp_path: Path) -> None:
    written = {
        "h.yml": HOSTS.replace("db1: {", "db1: {transport: paramiko, "),
        "g.yml": "groups:\n  all: {transport: openssh}\n  app: {hosts: [app1], children: [inner]}\n"
        "  inner: {hosts: [app2], transport: paramiko}\n",
    }
    plain = environment_in(tmp_path / "plain", {"h.yml": HOSTS})
    mixed = environment_in(tmp_path / "mixed", written)

    assert {host.transport for host in plain.hosts.values()} == {"paramiko"}
    assert {name: host.transport for name, host in mixed.hosts.items()} == {
        "bastion": "openssh",
        "app1": "openssh",
        "app2": "paramiko",
        "db1": "paramiko",
    }


def test_only_production_asks_for_its_name_unless_told_otherwise(tmp_path: Path) -> None:
    one = "hosts: {web1: {address: 192.0.2.1}}\n"

    assert [environment_in(tmp_path, {"h.yml": one}, name).confirm for name in ("staging", "production")] == [False, True]
    assert environment_in(tmp_path, {"h.yml": one + "environment: {confirm: false}"}, "production").confirm is False
    assert environment_in(tmp_path, {"h.yml": one + "environment: {confirm: true}"}, "staging").confirm is True


def test_groups_hold_the_hosts_of_their_children_and_come_after_their_parents(tmp_path: Path) -> None:
    environment = environment_in(tmp_path, {"hosts.yml": HOSTS, "groups.yml": GROUPS})

    assert {name: group.hosts for name, group in environment.groups.items()} == {
        "all": ("bastion", "app1", "app2", "db1"),
        "data": ("db1",),
        "app": ("app1", "app2"),
        "canary": ("app2",),
    }
    assert environment.groups_of("app2") == ("all", "app", "canary")
    assert environment.roles_of("db1") == ("web", "data")
    assert environment.roles_of(environment.host("app1")) == ("web",)


def test_the_host_counts_more_than_groups_than_the_environment_than_defaults(tmp_path: Path) -> None:
    environment = environment_in(tmp_path, {"hosts.yml": HOSTS, "groups.yml": GROUPS})
    password = SecretReference(secret="web_password")  # noqa: S106 - the name of a secret

    assert environment.settings("bastion", "web") == WebSettings(port=80, names={"c": "three"}, password=password)
    assert environment.settings("app1", "web") == WebSettings(
        port=8080, names={"b": "two"}, password=password, limits=(Limits(files=4096),)
    )
    assert settings(environment, environment.host("app2"), "web") == WebSettings(port=8082, names={"b": "two"}, password=password)
    assert environment.settings("db1", "data") == DataSettings(size=10, needed="disk")
    assert environment.custom("app1") == {"greeting": "hello", "team": "anchors"}
    assert environment.custom("app2") == {"greeting": "good day", "team": "anchors"}


def test_explain_says_where_each_value_stands_and_what_it_overrides(tmp_path: Path) -> None:
    environment = environment_in(tmp_path, {"hosts.yml": HOSTS, "groups.yml": GROUPS})

    explained = {(one.role, one.setting): one for one in explain(environment, "app2")}

    port = explained["web", "port"]
    assert (port.value, port.level, port.file, port.line) == (8082, "group canary", "inventories/staging/groups.yml", 8)
    assert port.overridden == (
        Origin("group app", 8080, "inventories/staging/groups.yml", 14),
        Origin("role defaults", 80, "roles/web/defaults.yml", 2),
    )
    assert explained["web", "password"].value == {"secret": "web_password"}
    assert explained["custom", "team"].level == "environment"
    assert set(explained) == {("web", "port"), ("web", "names"), ("web", "password"), ("custom", "greeting"), ("custom", "team")}
    host = next(one for one in environment.explain("app1") if one.setting == "greeting")
    assert (host.value, host.level, host.line, len(host.overridden)) == ("hello", "host app1", 11, 1)


def test_groups_may_disagree_where_the_host_decides(tmp_path: Path) -> None:
    text = """\
hosts: {web1: {address: 192.0.2.1, variables: {web: {port: 1}}}}
groups: {a: {hosts: [web1], variables: {web: {port: 2}}}, b: {hosts: [web1], variables: {web: {port: 3}}}}
"""
    assert environment_in(tmp_path, {"h.yml": text}).settings("web1", "web").model_dump()["port"] == 1


def test_a_group_inside_both_decides_between_two_that_disagree(tmp_path: Path) -> None:
    text = """\
hosts: {web1: {address: 192.0.2.1}}
groups:
  all: {roles: [web]}
  a: {children: [c], variables: {web: {port: 2}}}
  b: {children: [c], variables: {web: {port: 3}}}
  c: {hosts: [web1], variables: {web: {port: 4}}}
  d: {hosts: [web1], variables: {web: {port: 4}}}
"""
    assert environment_in(tmp_path, {"h.yml": text}).settings("web1", "web").model_dump()["port"] == 4


def test_settings_of_a_role_that_the_host_does_not_have(tmp_path: Path) -> None:
    environment = environment_in(tmp_path, {"hosts.yml": HOSTS, "groups.yml": GROUPS})

    with pytest.raises(InventoryError) as caught:
        environment.settings("app1", "data")

    assert caught.value.last_lines == ("inventories/staging/hosts.yml:9: hosts.app1.variables.data.needed: is missing",)
    with pytest.raises(UsageError, match=r"no role is called 'dat' \(did you mean data\?\)"):
        environment.settings("app1", "dat")
    with pytest.raises(UsageError, match=r"no host is called 'app3' \(did you mean app"):
        environment.host("app3")


def test_a_twin_has_other_addresses_and_the_same_everything(tmp_path: Path) -> None:
    environment = environment_in(tmp_path, {"hosts.yml": HOSTS, "groups.yml": GROUPS}, "production")

    twin = environment.with_addresses({"app1": ("203.0.113.7", "deploy", 2200)}, known_hosts=tmp_path / "lab", confirm=False)

    moved = twin.host("app1")
    assert (moved.name, moved.address, moved.private_address, moved.user, moved.port) == (
        "app1", "203.0.113.7", "203.0.113.7", "deploy", 2200,
    )  # fmt: skip
    assert (moved.jump, moved.labels) == ("bastion", {"zone": "fra1", "rack": "7"})
    assert twin.host("db1") == environment.host("db1")
    assert (twin.known_hosts, twin.confirm) == (tmp_path / "lab", False)
    assert twin.settings("app1", "web") == environment.settings("app1", "web")
    assert environment.host("app1").address == "app1.example.org"
    with pytest.raises(UsageError, match="no host is called 'app9'"):
        environment.with_addresses({"app9": ("203.0.113.7", "deploy", 22)})


APPLICATIONS = """\
hosts: {app1: {address: 192.0.2.1}, lb1: {address: 192.0.2.2}}
applications:
  shop:
    hosts: app1
    source: {path: code}
    processes:
      worker: {command: node worker.js}
      web: {command: node web.js, listen: port, ports: {blue: 4000, green: 4001}, environment: {PORT: "{{ listen }}", ON: true}}
    environment: {LIMIT: 30}
    site: {balancer: lb1}
  proxy:
    hosts: app1
    user: registry
    source: {npm: verdaccio, version: 6.10.4}
    processes: {web: {command: verdaccio, listen: socket}}
  pages:
    hosts: "*1,!lb1"
    source: {git: "https://git.example.org/pages.git", ref: v2}
    processes: {web: {command: node web.js, listen: socket}}
"""


def test_applications_are_complete_values(tmp_path: Path) -> None:
    environment = environment_in(tmp_path, {"all.yml": APPLICATIONS})
    shop, proxy, pages = environment.applications.values()

    assert (shop.name, shop.user, proxy.user) == ("shop", "shop", "registry")
    assert (shop.web.name, shop.web.ports) == ("web", Ports(blue=4000, green=4001))
    assert shop.web.environment == {"PORT": "{{ listen }}", "ON": "true"}
    assert shop.environment == {"LIMIT": "30"}
    assert shop.source == PathSource(path="code")
    assert proxy.source == NpmSource(npm="verdaccio", version="6.10.4")
    assert pages.source == GitSource(git="https://git.example.org/pages.git", ref="v2")
    assert [host.name for host in environment.hosts_of(pages.hosts)] == ["app1"]
    assert (shop.build.install, shop.gate.limit_seconds, shop.keep_warm, proxy.site) == ("npm ci", 60, True, None)


def test_words_that_yaml_takes_for_something_else_stay_words(tmp_path: Path) -> None:
    custom = "{a: no, b: 0644, c: 12:30, d: 2026-11-20, e: 1e3, f: 7, g: true, h: ~, i: 1.5}"
    text = f"hosts: {{web1: {{address: 192.0.2.1}}}}\nvariables: {{custom: {custom}}}"

    assert environment_in(tmp_path, {"h.yml": text}).custom("web1") == {
        "a": "no", "b": "0644", "c": "12:30", "d": "2026-11-20", "e": "1e3", "f": 7, "g": True, "h": None, "i": 1.5,
    }  # fmt: skip


def test_what_is_written_once_may_be_used_again(tmp_path: Path) -> None:
    text = """\
hosts: {web1: {address: 192.0.2.1}}
variables:
  custom:
    first: &base {a: 1, b: 2}
    second:
      <<: *base
      b: 3
"""
    environment = environment_in(tmp_path, {"h.yml": text})

    assert environment.custom("web1")["second"] == {"a": 1, "b": 3}
    assert str(environment.place("variables", "custom", "second", "b")) == "inventories/staging/h.yml:7"
    assert str(environment.place("variables", "custom", "second", "nothing")) == "inventories/staging/h.yml:5"


def test_something_inside_itself_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(InventoryError) as caught:
        environment_in(tmp_path, {"h.yml": "hosts: {web1: {address: 192.0.2.1}}\nvariables:\n  custom: &a\n    inner: *a\n"})

    assert caught.value.last_lines == (
        "inventories/staging/h.yml:3: variables.custom.inner: refers to itself (an alias to something around it)",
    )


@pytest.mark.parametrize(
    "text", ["* * * * *", "*/5 0-6,22 1 jan-mar mon", "0 0 * * 7", "@daily"], ids=["always", "mixed", "sunday", "nickname"]
)
def test_schedules_that_cron_would_run(tmp_path: Path, text: str) -> None:
    backup = f'backups: {{t: {{database: t, host: web1, directory: b, schedule: "{text}"}}}}'
    environment = environment_in(tmp_path, {"h.yml": f"hosts: {{web1: {{address: 192.0.2.1}}}}\n{backup}"})

    assert environment.backup("t").schedule == text


def test_a_schedule_is_one_line_for_cron_however_yaml_wrote_it(tmp_path: Path) -> None:
    backup = "backups:\n  t:\n    database: t\n    host: web1\n    directory: b\n    schedule: |\n      30 2  * * *\n"
    environment = environment_in(tmp_path, {"h.yml": f"hosts: {{web1: {{address: 192.0.2.1}}}}\n{backup}"})

    assert environment.backup("t").schedule == "30 2 * * *"


def test_a_schedule_that_crons_read_differently_is_refused_with_what_is_meant(tmp_path: Path) -> None:
    backup = 'backups: {t: {database: t, host: web1, directory: b, schedule: "5/15 * * * *"}}'

    with pytest.raises(InventoryError) as caught:
        environment_in(tmp_path, {"h.yml": f"hosts: {{web1: {{address: 192.0.2.1}}}}\n{backup}"})

    why = "means different things to different crons: the minute '5/15'; write 5-59/15, or the numbers themselves"
    assert caught.value.last_lines == (f"inventories/staging/h.yml:2: backups.t.schedule: {why}",)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("60 * * * *", "the minute '60' should be from 0 to 59"),
        ("* 24 * * *", "the hour '24' should be from 0 to 23"),
        ("* * 0 * *", "the day of the month '0' should be from 1 to 31"),
        ("* * * foo *", "the month 'foo' should be from 1 to 12"),
        ("* * * * fri-mon", "the day of the week 'fri-mon' runs backwards"),
        ("*/0 * * * *", "the step /0 of the minute should be from 1 to 59"),
        ("5; * * * *", "the minute '5;' is neither `*`, a number, a range `1-5` nor a step `*/10`"),
        ("\u0663 * * * *", "the minute '\u0663' is neither `*`, a number, a range `1-5` nor a step `*/10`"),
    ],
)
def test_schedules_that_cron_would_not_run(tmp_path: Path, text: str, fault: str) -> None:
    backup = f'backups: {{t: {{database: t, host: web1, directory: b, schedule: "{text}"}}}}'

    with pytest.raises(InventoryError) as caught:
        environment_in(tmp_path, {"h.yml": f"hosts: {{web1: {{address: 192.0.2.1}}}}\n{backup}"})

    assert caught.value.last_lines == (f"inventories/staging/h.yml:2: backups.t.schedule: is not a schedule: {fault}",)
