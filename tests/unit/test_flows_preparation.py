"""What shapes a release besides its artefact: a deploy must see that it has changed, on any host."""

from __future__ import annotations

from pathlib import Path

import pytest

from windlass.flows.deployment.preparation import Deployment, configuration, fingerprints, held
from windlass.flows.deployment.preparation import start as start_of
from windlass.flows.workspace import open_workspace
from windlass.operations.pm2 import Pm2Start
from windlass.plans.slots import Held

HOSTS = """
hosts:
  app1: {address: 192.0.2.21, variables: {custom: {size: 1}}}
  app2: {address: 192.0.2.22, variables: {custom: {size: SIZE}}}
groups: {app: {hosts: [app1, app2], roles: []}}
"""
APPLICATIONS = """
applications:
  shop:
    hosts: app
    source: {path: code}
    processes:
      web:
        command: node server.js --size {{ custom.size }}
        listen: socket
        instances: 2
        environment: {TOKEN: "{{ secrets.token }}", PORT: "{{ listen }}"}
      mail: {command: node mail.js, stop_seconds: 600}
secrets:
  token: {description: one of a process alone}
"""


def digests(project: Path, monkeypatch: pytest.MonkeyPatch, *, size: int = 1, word: str = "a") -> list[str]:
    folder = project / "inventories" / "staging"
    folder.mkdir(parents=True, exist_ok=True)
    (project / "code").mkdir(exist_ok=True)
    (folder / "hosts.yml").write_text(HOSTS.replace("SIZE", str(size)))
    (folder / "applications.yml").write_text(APPLICATIONS)
    monkeypatch.setenv("WINDLASS_SECRET_TOKEN", word)
    workspace = open_workspace(project, "staging")
    application = workspace.environment.application("shop")
    return [configuration(Deployment(workspace, application, host, "")) for host in ("app1", "app2")]


def test_a_change_on_one_host_alone_is_seen_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = digests(tmp_path, monkeypatch)
    after = digests(tmp_path, monkeypatch, size=2)

    assert before[0] == before[1]
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False]


def test_another_secret_of_a_process_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = digests(tmp_path, monkeypatch), digests(tmp_path, monkeypatch, word="b")

    assert before[0] != after[0]
    assert digests(tmp_path, monkeypatch) == before


def test_what_a_release_remembers_of_a_secret_does_not_tell_a_right_guess_from_a_wrong_one() -> None:
    wanted = fingerprints({"PIN": "4711"})["PIN"]

    same = [guess for guess in range(200_000) if fingerprints({"PIN": str(guess)})["PIN"] == wanted]

    assert len(same) > 1


def test_a_slot_holds_what_the_inventory_describes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digests(tmp_path, monkeypatch)
    found = held(open_workspace(tmp_path, "staging").environment.application("shop"), "blue")

    assert found == Held(
        web=("shop-blue-web-0", "shop-blue-web-1"),
        workers=("shop-blue-mail-0",),
        listens=("/run/shop/blue/web-0.sock", "/run/shop/blue/web-1.sock"),
    )


def test_pm2_gets_the_time_that_the_processes_may_take_to_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digests(tmp_path, monkeypatch)
    workspace = open_workspace(tmp_path, "staging")
    application = workspace.environment.application("shop")

    (start,) = (each for each in start_of(Deployment(workspace, application, "app1", "r1"), "blue") if isinstance(each, Pm2Start))

    assert start.limit_seconds >= sum(each.stop_seconds for each in start.processes) == 2 * 30 + 600
