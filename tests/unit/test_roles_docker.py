"""The roles docker and stack: what is kept of what containers write, and who brings Docker."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.roles_sample import environment, steps, titles
from windlass.errors import InventoryError
from windlass.operations.document import JsonValue
from windlass.operations.operation import Operation

ON_APP1 = "groups: {boxes: {hosts: [app1], roles: [docker]}}\n"


def wanted(folder: Path, settings: str = "{}") -> list[Operation]:
    return steps(environment(folder, ON_APP1, f"variables: {{docker: {settings}}}\n"), "app1", "docker")


def test_the_first_start_of_docker_finds_how_much_is_kept(tmp_path: Path) -> None:
    operations = wanted(tmp_path)

    assert titles(operations) == [
        "directory /etc/docker",
        "log-driver in /etc/docker/daemon.json",
        "log-opts in /etc/docker/daemon.json",
        "package docker.io, docker-compose",
        "service docker",
    ]
    # Numbers have to be texts there, or Docker does not start.
    assert [each.value for each in operations if isinstance(each, JsonValue)] == ["json-file", {"max-size": "10m", "max-file": "3"}]


def test_a_host_that_says_itself_how_much_is_kept_is_left_alone(tmp_path: Path) -> None:
    assert titles(wanted(tmp_path, "{log_driver: '', packages: []}")) == ["service docker"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("{log_driver: journald}", "the driver journald takes no max-size"),
        ("{log_options: {max-size: 10 MB}}", "should be a size such as 10m"),
        ("{log_options: {max-file: none}}", "should be a number of files such as 3"),
        ("{log_options: {max-file: 3}}", "give both"),
        ("{log_driver: json file}", "one of Docker's log drivers"),
    ],
)
def test_what_docker_would_not_start_with_is_a_fault_of_the_inventory(tmp_path: Path, settings: str, said: str) -> None:
    with pytest.raises(InventoryError) as error:
        wanted(tmp_path, settings)

    assert said in "\n".join(error.value.last_lines)


@pytest.mark.parametrize("settings", ["{log_driver: journald, log_options: {}}", "{log_driver: local, log_options: {max-file: 9}}"])
def test_another_driver_has_options_of_its_own(tmp_path: Path, settings: str) -> None:
    assert any(isinstance(each, JsonValue) for each in wanted(tmp_path, settings))


def test_a_stack_on_a_host_without_docker_is_refused(tmp_path: Path) -> None:
    loaded = environment(tmp_path, "groups: {boxes: {hosts: [app1], roles: [stack]}}\n")

    with pytest.raises(InventoryError, match="host app1: a stack runs in Docker") as error:
        steps(loaded, "app1", "stack")

    assert "[base, firewall, docker, stack]" in error.value.hint
