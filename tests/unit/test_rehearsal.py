"""What `inventory.check` finds by filling templates and asking roles."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.sample_project import run_tasks, write_project
from windlass.flows.rehearsal import faults_of
from windlass.flows.workspace import load_environment

STEPS = """\
from windlass.operations.file import File
from windlass.operations.service import Service
from windlass.operations.template import Template


def steps(host, settings):
"""
SHOP = """\
  shop:
    hosts: all
    source: {path: roles}
    processes:
      web:
        command: node web.js {{ lisen }}
        listen: socket
        environment: {PORT: "{{ listen }}", WHO: "{{ custom.who }}"}
    environment: {DATABASE: "{{ hosts.wbe2.address }}/{{ secrets.token }}", OPEN: "{{ release }"}
    files: {a.ini: "{{ host.labels.zone }}"}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path)


def faults(project: Path, steps: str = "") -> list[str]:
    if steps:
        at_the_top = steps.startswith(("from ", "import "))
        (project / "roles/greeting/steps.py").write_text(f"{steps}\n" if at_the_top else f"{STEPS}    {steps}\n")
    return faults_of(project, load_environment(project, "staging"))


def test_what_is_right_has_no_faults(project: Path) -> None:
    assert faults(project) == []
    assert faults(project, 'yield File(path="/etc/motd", content=host.secret("token"))') == []


def test_templates_of_applications_are_filled_for_every_host(project: Path) -> None:
    (project / "inventories/staging/applications.yml").write_text(f"applications:\n{SHOP}")

    at = "inventories/staging/applications.yml"
    assert faults(project) == [
        f"{at}:3: applications.shop.hosts: needs the role app on web1, where it runs",
        f"{at}:10: applications.shop.environment.DATABASE: wbe2 is not known (did you mean web2?)",
        f"{at}:10: applications.shop.environment.OPEN: is not a template: unexpected '}}'",
        f"{at}:11: applications.shop.files.a.ini: zone is not known",
        f"{at}:9: applications.shop.processes.web.environment.WHO: who is not known",
        f"{at}:7: applications.shop.processes.web.command: lisen is not known (did you mean listen?)",
    ]


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ("[]", "its steps for web1 gave None instead of a list of operations: is there a `return`?"),
        ("from windlass.operations.systemd import SystemdUnit", "(SystemdUnit is in windlass.operations.unit)"),
        ("import windlass.operations.systemd_unit", "(docs/operations.md says which module each operation is in)"),
        ('return ["motd"]', "its steps for web1 gave 'motd', which is no operation"),
        ('yield File(path="/etc/motd", contents="x")', "TypeError: File.__init__() got an unexpected keyword"),
        ('yield File(path="etc/motd", content="x")', "steps.py:7: 'etc/motd' is not a whole path on a host"),
        ('yield File(path="/etc/motd", content=host.secret("tokne"))', "no secret is called 'tokne' (did you mean token?)"),
        (
            'late = File(path="/etc/motd"); return [Service(name="cron", reload_on=(late,)), late]',
            "service cron refers to an operation that does not come before it",
        ),
        (
            'return [Template(path="/etc/motd", source="{{ nmae }}", values={}, name="motd")]',
            "template motd of /etc/motd, line 1: 'nmae' is undefined",
        ),
    ],
)
def test_roles_are_asked_for_every_host_and_a_fault_is_told_once(project: Path, steps: str, said: str) -> None:
    (fault,) = faults(project, steps)

    assert said in fault


def test_the_encrypted_file_is_looked_at_without_a_key(project: Path) -> None:
    (project / "inventories/staging/secrets.sops.yml").write_text("token: [ENC\n")

    (fault,) = faults(project)

    assert fault.startswith("inventories/staging/secrets.sops.yml is not YAML (line ")


def test_the_command_tells_them_with_the_environment_and_code_2(project: Path) -> None:
    (project / "roles/greeting/steps.py").write_text(f"{STEPS}    return 7\n")
    done = run_tasks(project, "inventory.check", "--env", "staging")

    why = " instead of a list of operations: is there a `return`?"
    assert done.returncode == 2
    assert done.stderr.splitlines()[:2] == [
        "error: inventories/staging: 1 fault",
        f"  inventories/staging: the role greeting is not usable: its steps for web1 gave 7{why} (see {project}/roles/greeting)",
    ]
