"""Every case of every operation on a real host: as root, through SSH, the real channel and the real agent."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.cases.case import Place, cases, go_through
from tests.lab.conftest import LabHosts, TestHost
from windlass.hosts.channel import Channel

pytestmark = pytest.mark.lab
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def host(lab_hosts: LabHosts) -> TestHost:
    return lab_hosts("operations", ["one"])["one"]


@pytest.fixture(scope="module")
def channel(host: TestHost) -> Iterator[Channel]:
    opened = Channel(host.target)
    yield opened
    opened.close()


def local_shell(script: str) -> str:
    return subprocess.run(["/bin/sh", "-ec", script], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("case", cases())
def test_operation(case: Mapping[str, Any], host: TestHost, channel: Channel, tmp_path: Path) -> None:
    root = f"/srv/cases/{next(numbers)}"
    host.shell(f"mkdir -p {root}")

    go_through(case, Place(channel, host.shell, local_shell, root, str(tmp_path)))
