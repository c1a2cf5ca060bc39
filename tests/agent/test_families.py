"""The three sides of an operation stay together: what can be asked, how it is done, and the cases that show it."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Callable
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import pytest

import windlass.agent
from tests.cases.case import FOLDER, operation_classes, read_cases

NEWER = ("_sha2",)  # of the standard library, since 3.12; what is there instead before is tried as well
AGENT = Path(windlass.agent.__file__).parent
CLASSES = operation_classes()
# Steps of a deploy and of a backup: they act once instead of describing what should be true, so there is no second run to compare.
# Their tests are of the flows that they make up. A change on trial needs somebody who confirms it, a scan somebody to look at, a
# site of nginx's visitors, and a reboot a host that is not the one all cases share.
STEPS = (
    "build",
    "gate",
    "lease",
    "pm2",
    "release",
    "database",
    "drill",
    "restoration",
    "parts",
    "commit",
    "scan",
    "watch",
    "nginx",
    "systemd",
    "delivery",
    "stored",
    "frontend",
    "reboot",
)
PARAMETERS = ["arguments", "context"]
DESCRIBED = sorted(name for name, kind in CLASSES.items() if kind.family not in STEPS)


def _parameters(function: Callable[..., object]) -> list[str]:
    """Their names; an underscore in front says that a parameter is not used."""
    return [name.lstrip("_") for name in inspect.signature(function).parameters]


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_operation_has_its_function_on_the_host(name: str) -> None:
    family, _, function = CLASSES[name].kind().partition(".")

    parameters = _parameters(getattr(import_module(f"windlass.agent.{family}"), function))

    assert parameters == PARAMETERS
    assert CLASSES[name].__module__ == f"windlass.operations.{family}"


@pytest.mark.parametrize("name", DESCRIBED)
def test_operation_has_cases(name: str) -> None:
    cases = read_cases(FOLDER / f"{CLASSES[name].family}.yml")

    kinds = [case["operation"]["kind"] for case in cases]

    assert kinds.count(name) >= 2
    assert len({case["name"] for case in cases}) == len(cases)


def test_nothing_is_done_on_the_host_that_cannot_be_asked_for() -> None:
    families = {kind.family for kind in CLASSES.values()}
    asked = {kind.kind() for kind in CLASSES.values()}

    done = {
        f"{family}.{name}"
        for family in families
        for name, function in inspect.getmembers(import_module(f"windlass.agent.{family}"), inspect.isfunction)
        if function.__module__ == f"windlass.agent.{family}" and _parameters(function) == PARAMETERS
        if not name.startswith("_")
    }

    assert done == asked


def test_every_case_file_belongs_to_a_family() -> None:
    """All but the chains, which are of operations that build on each other."""
    assert {path.stem for path in FOLDER.glob("*.yml")} == {CLASSES[name].family for name in DESCRIBED} | {"chains"}


@pytest.mark.parametrize("path", sorted(AGENT.rglob("*.py")), ids=lambda path: str(path.relative_to(AGENT)))
def test_agent_is_python_3_8_and_needs_only_the_standard_library(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 8))

    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    assert {
        name
        for name in imported
        if name.partition(".")[0] not in {*sys.stdlib_module_names, *NEWER} and not name.startswith("windlass.agent")
    } == set()


@pytest.mark.parametrize("name", DESCRIBED)
def test_operation_is_explained_with_every_field(name: str) -> None:
    page = (FOLDER.parents[1] / "docs" / "operations.md").read_text()

    names = {field.name for field in fields(CLASSES[name])} - {"only_after"}
    explained = re.search(rf"\*\*`{name}`\*\* `([^`]+)`", page)

    assert explained, f"docs/operations.md has no paragraph on {name}"
    assert set(explained[1].split(", ")) == names


def test_the_page_says_where_to_import_each_operation_from() -> None:
    page = (FOLDER.parents[1] / "docs" / "operations.md").read_text()

    told = {
        name: module
        for module, names in re.findall(r"^\| `(\w+)` \| (`.*`) \|$", page, re.MULTILINE)
        for name in re.findall(r"\w+", names)
        if name in CLASSES
    }

    named = {name for name in re.findall(r"\*\*`(\w+)`\*\*", page) if name in CLASSES}
    assert told == {name: CLASSES[name].__module__.rpartition(".")[2] for name in named}


def test_the_page_for_those_who_know_ansible_names_operations_that_there_are() -> None:
    page = (FOLDER.parents[1] / "docs" / "from-ansible.md").read_text()

    named = set(re.findall(r"`([A-Z][a-z]+(?:[A-Z][a-z]+)*)(?:`|\()", page))

    assert len(named) > 40
    assert named - set(CLASSES) == {"LocalFile", "Command"}  # values
