"""The shipped environments are no mere examples: staging is rehearsed as a twin, up to two served applications."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.suite.stock import furnished
from windlass import lab
from windlass.flows.twin import lab_spec, labs_folder
from windlass.flows.workspace import load_environment

pytestmark = pytest.mark.lab

TOP = Path(__file__).parent.parent.parent
KINDS = {"web1": "bare", "app1": "app", "app2": "app", "data1": "data"}


def command(clone: Path, *words: str) -> dict[str, Any]:
    """A command as a person types it in the clone; its JSON document."""
    program = [sys.executable, "-m", "windlass.tasks.program", *words, "--env", "staging", "--json"]
    done = subprocess.run(program, cwd=clone, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(done.stdout)
    assert isinstance(document, dict)
    return document


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A clone of the repository whose staging environment runs in the lab and is set up.

    All hosts but the balancer have their packages already; that bare hosts become what their roles say is shown in `roles`.
    """
    folder = tmp_path_factory.mktemp("twin") / "windlass"
    subprocess.run(["git", "clone", "-q", str(TOP), str(folder)], check=True)
    try:
        furnished(lab_spec(load_environment(folder, "staging")), labs_folder(folder), KINDS)
        command(folder, "lab.up")
        command(folder, "setup", "--lab")
        yield folder
    finally:
        lab.down("staging", root=folder / ".windlass" / "labs", say=lambda _line: None)


def address(twin: Path, host: str) -> str:
    return lab.load("staging", root=twin / ".windlass" / "labs").hosts[host].address


def ask(url: str, name: str) -> bytes:
    """What a site answers that is asked for by its public name."""
    request = urllib.request.Request(url, headers={"Host": name})  # noqa: S310 - a lab host
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return bytes(answer.read())


def domain(twin: Path, application: str) -> str:
    site = load_environment(twin, "staging").application(application).site
    assert site is not None
    return site.domains[0]


def test_staging_serves_tickets(twin: Path) -> None:
    deployed = command(twin, "deploy", "--lab", "--app", "tickets")["result"]

    answer = json.loads(ask(f"http://{address(twin, 'web1')}/healthz", domain(twin, "tickets")))

    assert answer["release"] == deployed["release"]
    assert set(deployed["switch_milliseconds"]) == {"app1", "app2"}


def test_a_published_server_is_deployed_as_it_is_and_goes_back(twin: Path) -> None:
    first = command(twin, "deploy", "--lab", "--app", "verdaccio")["result"]
    second = command(twin, "deploy", "--lab", "--app", "verdaccio", "--force")["result"]
    back = command(twin, "rollback", "--lab", "--app", "verdaccio")["result"]

    page = ask(f"http://{address(twin, 'web1')}/", domain(twin, "verdaccio"))

    assert (second["before"], back["release"]) == (first["release"], first["release"])
    assert b"Verdaccio" in page or b"verdaccio" in page
