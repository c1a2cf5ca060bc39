"""Templates of the inventory: what they may use, and what is said of a name that does not exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.unit.inventory_support import environment_in
from windlass.errors import InventoryError
from windlass.inventory import (
    Environment,
    local_secrets,
    process_command,
    process_environment,
    release_files,
    render,
    scope,
)

TEXT = """\
hosts:
  app1: {address: 192.0.2.1, private_address: 198.51.100.1, labels: {zone: a}}
  app2: {address: 192.0.2.2}
  db1: {address: 192.0.2.3}
groups: {app: {hosts: ["app*"]}}
variables: {custom: {values: 7, nested: {keys: deep}}}
applications:
  shop:
    hosts: app
    source: {path: code}
    processes:
      web:
        command: node web.js --port {{ listen }}
        listen: port
        ports: {blue: 4000, green: 4001}
        environment: {PORT: "{{ listen }}", LEVEL: debug, SLOT: "{{ slot }}"}
    environment:
      DATABASE: "postgres://shop:{{ secrets.password }}@{{ hosts.db1.private_address }}/shop"
      LEVEL: info
      ME: "{{ application.name }} on {{ host.name }} of {{ application.hosts | map(attribute='name') | join('+') }}"
      WRONG: "{{ hosts.bd1.address }}"
    files:
      conf/a.ini: |
        [shop]
        zone={{ host.labels.zone }}
    site: {domains: [shop.example.org]}
secrets:
  password: {}
  unused: {}
"""


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return environment_in(tmp_path, {"all.yml": TEXT})


def values(environment: Environment, **extra: Any) -> dict[str, Any]:
    secrets = local_secrets(environment, {"WINDLASS_SECRET_PASSWORD": "s3cret"})
    return scope(environment, environment.host("app1"), secrets, environment.application("shop"), extra)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("plain { text }", "plain { text }"),
        ("{{ host.name }} {{ host.address }} {{ host.private_address }}", "app1 192.0.2.1 198.51.100.1"),
        ("{{ hosts.db1.private_address }}", "192.0.2.3"),
        ("{% for host in groups.app %}{{ host.name }};{% endfor %}", "app1;app2;"),
        ("{{ groups.all | length }}", "3"),
        ("{{ secrets.password }}", "s3cret"),
        ("{{ custom.values }} {{ custom.nested.keys }}", "7 deep"),
        ("{{ custom.absent | default('else') }}", "else"),
        ("{{ application.domains[0] }} {{ application.user }}", "shop.example.org shop"),
        ("{{ environment }} {{ slot }}", "staging blue"),
        ("line\n{{ slot }}\n", "line\nblue\n"),
        ("<{{ '<&>' }}>", "<<&>>"),
    ],
)
def test_templates_are_filled(environment: Environment, text: str, filled: str) -> None:
    assert render(text, values(environment, slot="blue")) == filled


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{{ hots.db1 }}", "hots is not known (did you mean hosts?)"),
        ("{{ hosts.bd1.address }}", "bd1 is not known (did you mean db1?)"),
        ("{{ hosts.db1.adress }}", "adress is not known (did you mean address?)"),
        ("{{ secrets.pasword }}", "pasword is not known (did you mean password?)"),
        ("{{ custom.hots }}", "hots is not known"),
        ("{{ slot }}", "slot is not known"),
        ("{{ custom.values.x }}", "x is not known"),
        ("{{ host.name ", "is not a template: unexpected end of template, expected 'end of print statement'."),
        ("a\n{% if %}", "is not a template: Expected an expression, got 'end of statement block' (line 2 of the text)"),
        ("{{ 1 / 0 }}", "cannot be filled: division by zero"),
        ("{{ 'a' + 1 }}", 'cannot be filled: can only concatenate str (not "int") to str'),
        ("{{ ''.__class__ }}", "cannot be filled: __class__ is not known"),
        ("{{ groups.app.append(1) }}", "cannot be filled: append is not known"),
    ],
)
def test_what_cannot_be_filled_says_why(environment: Environment, text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(fault)}$"):
        render(text, values(environment))


def test_a_template_needs_only_the_secrets_that_it_uses(environment: Environment) -> None:
    assert render("{{ secrets.password }}", values(environment)) == "s3cret"
    with pytest.raises(InventoryError, match="the secret unused has no value"):
        render("{{ secrets.unused }}", values(environment))


def test_faults_in_values_name_their_file_and_line(environment: Environment) -> None:
    shop = environment.application("shop")

    with pytest.raises(InventoryError) as caught:
        process_environment(environment, shop, shop.web, values(environment, listen="4000"))

    assert caught.value.message == "the templates of staging: 2 faults"
    assert caught.value.last_lines == (
        "inventories/staging/all.yml:16: applications.shop.processes.web.environment.SLOT: slot is not known",
        "inventories/staging/all.yml:21: applications.shop.environment.WRONG: bd1 is not known (did you mean db1?)",
    )


def test_a_process_sets_its_own_over_the_application_s(tmp_path: Path) -> None:
    environment = environment_in(tmp_path, {"all.yml": TEXT.replace("hosts.bd1", "hosts.db1")})
    shop = environment.application("shop")
    known = values(environment, slot="blue", listen="4000")
    common = {
        "DATABASE": "postgres://shop:s3cret@192.0.2.3/shop",
        "ME": "shop on app1 of app1+app2",
        "WRONG": "192.0.2.3",
    }

    assert process_environment(environment, shop, None, known) == {**common, "LEVEL": "info"}
    assert process_environment(environment, shop, shop.web, known) == {**common, "LEVEL": "debug", "PORT": "4000", "SLOT": "blue"}
    assert process_command(environment, shop, shop.web, known) == "node web.js --port 4000"
    assert {path: text.reveal() for path, text in release_files(environment, shop, known).items()} == {
        "conf/a.ini": "[shop]\nzone=a\n"
    }
