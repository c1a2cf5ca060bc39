"""A host without Python gets one, by plain SSH and apt-get; then it is a host like the others."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab.conftest import LabHosts, TestHost
from tests.lab.people import person, project_for
from tests.unit.sample_project import REPOSITORY, surroundings
from windlass.errors import AgentFailed
from windlass.flows.bootstrap import bootstrap_host
from windlass.hosts.channel import Channel
from windlass.values import Secret

pytestmark = pytest.mark.lab

PASSWORD = Secret("the peony sleeps")
# Whichever test comes first: no Python for a while, and an apt-get that fails.
AWAY = """
mkdir /root/away
for path in /usr/bin/python3*; do if test -e "$path"; then mv "$path" /root/away/; fi; done
mv /usr/bin/apt-get /root/away/
printf '#!/bin/sh\\necho E: no way to the mirror; exit 100\\n' > /usr/bin/apt-get
chmod 755 /usr/bin/apt-get
"""
BACK = "mv /root/away/* /usr/bin/"


@pytest.fixture(scope="module")
def bare(lab_hosts: LabHosts) -> TestHost:
    host = lab_hosts("bootstrap", ["bare"])["bare"]
    host.shell("apt-get -qq -y purge python3 python3-minimal libpython3-stdlib 'python3.*' >/dev/null 2>&1; ! command -v python3")
    return host


def test_a_host_without_python_is_told_what_to_type_and_that_helps(bare: TestHost, tmp_path: Path) -> None:
    with pytest.raises(AgentFailed, match="bare has no Python") as caught:
        Channel(bare.target)
    assert "invoke bootstrap --limit bare" in caught.value.hint
    bare.shell("(flock -x 9; sleep 4) 9>/var/lib/dpkg/lock-frontend </dev/null >/dev/null 2>&1 &")  # another one is at it

    project = project_for(tmp_path, bare.target)
    words = ["bootstrap", "--env", "staging", "--limit", "web1"]
    command = [sys.executable, "-m", "invoke", "--search-root", str(REPOSITORY), *words]
    runs = [
        subprocess.run(command, cwd=project, env=surroundings(project), capture_output=True, text=True, timeout=240, check=False)
        for _ in range(2)
    ]

    assert [run.returncode for run in runs] == [0, 0], runs
    assert "web1: Python 3." in runs[0].stdout
    assert "installed" in runs[0].stdout
    assert "was there" in runs[1].stdout


def test_sudo_s_password_is_used_once_and_what_apt_get_says_is_shown(bare: TestHost) -> None:
    bare.shell(person("careful", PASSWORD, "careful ALL=(ALL) ALL") + AWAY)
    careful = dataclasses.replace(bare.target, user="careful", sudo_password=PASSWORD)

    with pytest.raises(AgentFailed, match="could not install python3 on bare") as failed:
        bootstrap_host(careful)
    with pytest.raises(AgentFailed, match="sudo did not take the password on bare"):
        bootstrap_host(dataclasses.replace(careful, sudo_password=Secret("the rose sleeps")))
    with pytest.raises(AgentFailed, match="does not let careful become root"):
        bootstrap_host(dataclasses.replace(careful, sudo_password=None))

    bare.shell(BACK)
    assert "E: no way to the mirror" in failed.value.last_lines
