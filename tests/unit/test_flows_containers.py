"""What differs for an application in containers: operations and launchers, as values."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.roles_sample import CATALOGUE, view
from windlass.flows.deployment import containers, preparation
from windlass.flows.deployment.coming import images_in
from windlass.flows.deployment.cron_entries import cron_entries
from windlass.flows.deployment.preparation import Deployment
from windlass.flows.deployment.supervision import limit_of
from windlass.flows.twin import lab_spec
from windlass.flows.workspace import Workspace, open_workspace
from windlass.inventory import Application
from windlass.operations.command import Run
from windlass.operations.directory import Directory
from windlass.operations.file import File
from windlass.operations.gate import Containers
from windlass.operations.systemd import SystemdStart
from windlass.operations.template import Template
from windlass.operations.user import User
from windlass.values import Secret

INVENTORY = """
hosts: {app1: {address: 192.0.2.21}, db1: {address: 192.0.2.22}}
groups: {app: {hosts: [app1], roles: [docker, app]}, data: {hosts: [db1], roles: [base]}}
applications:
  shop:
    hosts: app
    runtime: compose
    source: {path: code}
    processes:
      web: {listen: port, ports: {blue: 4001, green: 4011}, instances: 2, services: [web, proxy], stop_seconds: 12}
      clock: {handover: single, stop_seconds: 1}
      mail: {environment: {PORT: "25"}}
    cron: {nightly: {schedule: "0 3 * * *", command: docker-compose run --rm web nightly}}
"""
RELEASE = "20261129-181500-3f9c2ab"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    folder = tmp_path / "inventories" / "staging"
    folder.mkdir(parents=True)
    (tmp_path / "code").mkdir()
    (folder / "all.yml").write_text(INVENTORY)
    return open_workspace(tmp_path, "staging")


@pytest.fixture
def shop(workspace: Workspace) -> Application:
    return workspace.environment.application("shop")


def test_each_process_of_each_release_in_each_slot_is_a_project_with_a_port(shop: Application) -> None:
    found = preparation.instances(shop, "green", RELEASE)

    assert {each.name: (each.listen, each.containers) for each in found} == {
        "web-0": ("127.0.0.1:4011", Containers(project=f"shop-green-{RELEASE}-web-0", services=("web", "proxy"))),
        "web-1": ("127.0.0.1:4012", Containers(project=f"shop-green-{RELEASE}-web-1", services=("web", "proxy"))),
        "clock-0": ("", Containers(project=f"shop-green-{RELEASE}-clock-0", services=("clock",))),
        "mail-0": ("", Containers(project=f"shop-green-{RELEASE}-mail-0", services=("mail",))),
    }


def test_a_launcher_knows_its_project_and_its_port_unless_the_process_says_otherwise(
    workspace: Workspace, shop: Application
) -> None:
    started = preparation.start(Deployment(workspace, shop, "app1", RELEASE), "blue")

    texts = {Path(each.path).name: str(each.content.reveal()) for each in started if isinstance(each, File) and each.mode == "0700"}  # type: ignore[union-attr]
    assert f"COMPOSE_PROJECT_NAME=shop-blue-{RELEASE}-web-1\nPORT=4002\n" in texts["web-1"]
    assert f"COMPOSE_PROJECT_NAME=shop-blue-{RELEASE}-mail-0\nPORT=25\n" in texts["mail-0"]
    assert texts["web-0"].splitlines()[-1].startswith("exec /srv/shop/slots/blue/compose 12 ")
    assert texts["web-0"].rstrip().endswith("-web-0' web proxy")
    (program,) = [each for each in started if isinstance(each, File) and each.mode == "0755" and each.path.endswith("/compose")]
    assert not isinstance(program.content, Secret)  # each line of a secret is masked in what is shown
    assert " 'shop-(blue|green)-" in texts["clock-0"]  # what there is only one of takes the place of the other slot's as well
    assert isinstance(started[-1], SystemdStart)
    assert [each.stop_seconds for each in started[-1].processes] == [27.0, 27.0, 16.0, 45.0]  # Compose takes its time, too
    assert limit_of(shop) == 60 + 27 * 2 + 16 + 45


def test_images_are_had_before_anything_is_started_and_commands_know_whose_they_are(
    workspace: Workspace, shop: Application
) -> None:
    deployment = Deployment(workspace, shop, "app1", RELEASE)

    work = images_in({"app1": deployment}, {"app1": "green"}).work["app1"]
    (entry, _crontab) = cron_entries(shop, RELEASE, "blue")

    assert [each.title() for each in work] == ["images of web-0", "images of web-1", "images of clock-0", "images of mail-0"]
    assert all(isinstance(each, Run) and (each.user, each.folder) == ("shop", f"/srv/shop/releases/{RELEASE}") for each in work)
    assert isinstance(entry, File)
    assert f"export COMPOSE_PROJECT_NAME=shop-blue-{RELEASE}-web-0; export PORT=4001; docker-compose run" in str(entry.content)
    assert len(containers.clear(shop)) == 1


def test_nothing_of_it_concerns_another_application(workspace: Workspace, shop: Application) -> None:
    other = Application.model_validate(
        {"name": "a", "hosts": "app", "source": {"path": "code"}, "processes": {"web": {"command": "x", "listen": "socket"}}}
    )
    deployment = Deployment(workspace, other, "app1", RELEASE)

    assert images_in({"app1": deployment}, {"app1": "blue"}).work == {}
    assert [each.containers for each in preparation.instances(other, "blue", RELEASE)] == [None]
    assert (containers.exports(other, "blue", RELEASE), containers.clear(other), containers.own_seconds(other)) == ("", (), 0.0)


def test_its_user_may_speak_to_docker_and_its_processes_begin_after_it(workspace: Workspace) -> None:
    environment = workspace.environment
    wanted = CATALOGUE.wanted("app", view(environment, "app1"), environment.settings("app1", "app"))

    assert [each.groups for each in wanted if isinstance(each, User)] == [("docker",)]
    assert "/srv/shop/.docker" in [each.path for each in wanted if isinstance(each, Directory)]
    (unit,) = [each.content() for each in wanted if isinstance(each, Template) and each.path.endswith("@.service")]
    assert [line for line in unit.splitlines() if "docker.service" in line] == [
        "Wants=network-online.target docker.service",
        "After=network-online.target nss-user-lookup.target systemd-tmpfiles-setup.service docker.service",
    ]


def test_its_host_in_the_lab_can_run_docker(workspace: Workspace) -> None:
    assert {host.name: host.docker for host in lab_spec(workspace.environment).hosts} == {"app1": True, "db1": False}
