"""What loads to print a list of tasks, in exact names: whoever only looks should not wait for what works on hosts."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
HEAVY = {"boto3", "botocore", "cryptography", "fabric", "jinja2", "nacl", "paramiko", "pydantic", "rich"}
BESIDES = {"asyncio", "ssl", "unittest", "sqlite3", "yaml", "windlass.inventory", "windlass.flows", "windlass.hosts"}


def loaded(*arguments: str) -> set[str]:
    """The modules that a run of Python imports, and the packages around them."""
    run = subprocess.run([sys.executable, "-X", "importtime", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    names = re.findall(r"\| +([\w.]+)$", run.stderr, flags=re.MULTILINE)
    return {".".join(name.split(".")[:depth]) for name in names for depth in (1, 2)}


def test_a_list_of_tasks_loads_nothing_that_works_on_hosts() -> None:
    assert loaded("-m", "invoke", "--list") & HEAVY == set()


def test_our_own_program_leaves_out_what_invoke_loads_for_tests_too() -> None:
    assert loaded("-m", "windlass.tasks.program", "--list") & (HEAVY | BESIDES) == set()


def test_what_was_left_out_is_there_for_whoever_uses_it() -> None:
    script = """
import sys
import windlass.tasks.program
import invoke, invoke.util, unittest.mock
assert invoke.MockContext(run=invoke.Result("said", exited=0)).run("anything").stdout == "said"
assert invoke.util.yaml.safe_load("a: 1") == {"a": 1}
import paramiko.agent
assert "shutil" not in sys.modules
assert paramiko.agent.tempfile.gettempdir()
from tempfile import mkdtemp
"""
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)


def test_versions_are_told_without_all_that_reads_them_and_the_rest_is_there_when_it_is_asked_for() -> None:
    script = """
import sys
import windlass.tasks.program
import paramiko, windlass.flows.workspace
assert "email" not in sys.modules
import importlib.metadata
assert importlib.metadata.version("fabric") == importlib.metadata.distribution("fabric").version
assert importlib.metadata.version("paramiko") == paramiko.__version__
assert "email" in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)


def test_an_environment_loads_only_the_roles_that_it_has(tmp_path: Path) -> None:
    (tmp_path / "inventories" / "small").mkdir(parents=True)
    hosts = "hosts: {web: {address: 192.0.2.1}}\ngroups: {all: {roles: [firewall]}}\n"
    (tmp_path / "inventories" / "small" / "hosts.yml").write_text(hosts)
    script = f"""
import sys
from pathlib import Path
from windlass.flows.workspace import open_workspace
workspace = open_workspace(Path({str(tmp_path)!r}), "small")
print(sorted(name.split("_")[-1] for name in sys.modules if name.startswith("windlass_role_") and name.endswith(".settings")))
assert workspace.environment.settings("web", "nginx").gzip
"""
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)

    assert run.stdout == "['firewall.settings']\n"


@pytest.mark.parametrize("arguments", [("--help", "setup"), ("setup", "--help")])
def test_help_of_one_task_is_found_among_all(arguments: tuple[str, ...]) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "windlass.tasks.program", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert "Make hosts what their roles say" in run.stdout
