"""What the tests of the roles share: an environment from a text, and what a role wants of a host in it."""

from __future__ import annotations

from pathlib import Path

from windlass.flows.catalogue import Catalogue
from windlass.inventory import Environment, load
from windlass.operations.commit import Guarded
from windlass.operations.file import File
from windlass.operations.nginx import NginxSites
from windlass.operations.operation import Operation
from windlass.operations.template import Template
from windlass.plans.topology import HostView, Surroundings
from windlass.values import Secret

PROJECT = Path(__file__).parents[2]
CATALOGUE = Catalogue(PROJECT)
WORD = "tulip-84"

HOSTS = """\
hosts:
  web1: {address: 203.0.113.10, private_address: 198.51.100.10}
  web2: {address: 203.0.113.11, private_address: "2001:db8::11"}
  app1: {address: 203.0.113.21, private_address: 198.51.100.21}
  app2: {address: 203.0.113.22, private_address: "2001:db8::22", port: 2222, jump: web1}
  data1: {address: 203.0.113.30, private_address: 198.51.100.30}
groups:
  all: {roles: [base, firewall]}
  web: {hosts: [web1, web2], roles: [nginx]}
  app: {hosts: [app1, app2], roles: [nginx, nodejs, app]}
  data: {hosts: [data1], roles: [postgresql, redis]}
secrets:
  password: {}
"""
APPLICATION = """\
    source: {npm: sample, version: 1.0.0}
    processes:
      web: {command: serve, listen: socket, instances: 2, stop_seconds: 45}
      worker: {command: work}
"""
BALANCED = f"""\
applications:
  shop:
    hosts: app
{APPLICATION}
    site: {{balancer: web, domains: [shop.example.org, www.example.org]}}
"""
ALONE = f"""\
applications:
  shop:
    hosts: app1
{APPLICATION}
    site: {{port: 80}}
"""


def environment(folder: Path, *texts: str) -> Environment:
    """The sample's hosts and what the texts add, one file for each."""
    for number, text in enumerate((HOSTS, *texts)):
        path = folder / "inventories" / "sample" / f"{number}.yml" if number else folder / "inventories" / "sample" / "hosts.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return load(folder / "inventories" / "sample", CATALOGUE.schemas(), project=folder)


def view(loaded: Environment, host: str, surroundings: Surroundings | None = None) -> HostView:
    """A host as its roles see it; every secret has the same value."""
    entry = loaded.host(host)
    return HostView(
        name=entry.name,
        address=entry.address,
        private_address=entry.private_address,
        labels=entry.labels,
        environment=loaded,
        secret=lambda _name: Secret(WORD),
        template=CATALOGUE.template,
        surroundings=surroundings or Surroundings(),
    )


def steps(loaded: Environment, host: str, role: str, surroundings: Surroundings | None = None) -> list[Operation]:
    """What a role wants of a host."""
    return list(CATALOGUE.wanted(role, view(loaded, host, surroundings), loaded.settings(host, role)))


def text(operations: list[Operation], path: str) -> str:
    """The content that one of the operations gives to a file; of nginx's, the one for Debian 12's."""
    files = [file for each in operations if isinstance(each, NginxSites) for site in each.sites for file in site.files]
    found = [file.content for file in files if f"/etc/nginx/{file.path}" == path and "listen" in (file.kinds or ("listen",))]
    if found:
        return found[0]
    operation = next(each for each in operations if isinstance(each, File | Template | Guarded) and each.path == path)
    content = operation.content() if isinstance(operation, Template) else operation.content
    assert isinstance(content, str | Secret)
    return content.reveal() if isinstance(content, Secret) else content


def titles(operations: list[Operation]) -> list[str]:
    return [operation.title() for operation in operations]
