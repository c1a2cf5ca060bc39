"""sshd as the role base wants it: what counts in the end, what old clients and passwords get, and ways to lock oneself out."""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.sshd import RESTART
from tests.unit.sample_project import run_tasks
from windlass import lab
from windlass.flows.setup import SetupResult, setup
from windlass.flows.twin import lab_spec, labs_folder
from windlass.flows.workspace import load_environment, open_workspace
from windlass.hosts.channel import Channel
from windlass.testing.lab import shell

pytestmark = pytest.mark.lab

NAME = f"sshd{hashlib.sha256(str(Path(__file__).parents[2]).encode()).hexdigest()[:4]}"
HOSTS = """\
environment: {user: deploy}
hosts:
  one: {address: 192.0.2.10}
groups:
  all: {roles: [base]}
"""
OURS = "/etc/ssh/sshd_config.d/00-windlass.conf"
CLOUD = "/etc/ssh/sshd_config.d/50-cloud-init.conf"
EARLIER = "/etc/ssh/sshd_config.d/00-a.conf"


@dataclass(frozen=True)
class Place:
    """One host, and the settings of its sshd."""

    project: Path
    lab: lab.Lab

    def settings(self, **ssh: object) -> None:
        values = {"base": {"packages": [], "time_zone": "", "ssh": ssh}}
        (self.project / "inventories" / NAME / "variables.yml").write_text(yaml.safe_dump({"variables": values}))

    def answers(self) -> None:
        """Wait until its port is open: an sshd that reads its configuration anew closes it for a moment, and says nothing of it."""
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                socket.create_connection((self.lab.hosts["one"].address, 22), timeout=5).close()
                return
            time.sleep(0.05)
        raise AssertionError("sshd does not come back")

    def setup(self, **ssh: object) -> SetupResult:
        self.answers()
        self.settings(**ssh)
        workspace = open_workspace(self.project, NAME, lab=True)
        return setup(workspace, workspace.hosts())

    def login(self) -> None:
        """Raises HostError where none is possible."""
        self.answers()
        (target,) = open_workspace(self.project, NAME, lab=True).targets(["one"])
        Channel(target).close()

    def shell(self, script: str) -> str:
        return shell(self.lab.hosts["one"], script)

    def counts(self, *names: str) -> list[str]:
        """What sshd goes by."""
        return [line for line in self.shell("sshd -T").splitlines() if line.split(" ")[0] in names]

    def ssh(self, *options: str) -> str:
        """What OpenSSH's client says that may use these only; empty if it got in."""
        self.answers()
        command = self.lab.ssh("one", "true").arguments
        done = subprocess.run([*command[:1], *options, *command[1:]], capture_output=True, text=True, check=False)
        return done.stderr.strip() if done.returncode else ""

    def files(self) -> str:
        return self.shell("cd /etc/ssh; sha256sum sshd_config sshd_config.d/*; stat -c '%n %a %U' sshd_config.d/*")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    project = tmp_path_factory.mktemp("project")
    (project / "inventories" / NAME).mkdir(parents=True)
    (project / "inventories" / NAME / "hosts.yml").write_text(HOSTS)
    try:
        running = lab.up(lab_spec(load_environment(project, NAME)), root=labs_folder(project), say=lambda _line: None)
        yield Place(project, running)
    finally:
        lab.down(NAME, root=labs_folder(project), say=lambda _line: None)


@pytest.fixture
def managed(place: Place) -> Iterator[Place]:
    """As cloud providers deliver it, and then made ours."""
    place.shell(f"echo 'PasswordAuthentication yes' > {CLOUD}; {RESTART}")
    result = place.setup(managed=True, confirm_seconds=60)
    assert result.error() is None
    yield place
    place.shell(f"rm -f {EARLIER} {CLOUD}; {RESTART}")


def test_what_counts_is_ours_though_cloud_init_says_otherwise(managed: Place) -> None:
    assert managed.counts("passwordauthentication", "kbdinteractiveauthentication", "permitrootlogin") == [
        "permitrootlogin no",
        "passwordauthentication no",
        "kbdinteractiveauthentication no",
    ]
    assert "Permission denied (publickey)" in managed.ssh("-o", "PreferredAuthentications=password", "-o", "BatchMode=yes")
    assert managed.ssh() == ""
    assert managed.setup(managed=True, confirm_seconds=60).changed == 0


def test_old_key_exchanges_are_refused_and_ours_is_not(managed: Place) -> None:
    for old in ("KexAlgorithms=diffie-hellman-group14-sha256", "KexAlgorithms=ecdh-sha2-nistp256"):
        assert "no matching key exchange method found" in managed.ssh("-o", old)
    old = managed.ssh("-o", "MACs=hmac-sha2-256", "-o", "Ciphers=aes128-ctr")
    assert "no matching MAC found" in old
    managed.login()


def test_named_users_only_and_always_the_one_that_we_are(managed: Place) -> None:
    managed.shell("id ada 2>/dev/null || useradd ada")
    assert managed.setup(managed=True, confirm_seconds=60, users=["ada"]).error() is None

    assert managed.counts("allowusers") == ["allowusers ada", "allowusers deploy"]
    managed.login()


def test_a_file_that_is_read_before_ours_is_found_and_the_change_taken_back(managed: Place) -> None:
    managed.shell(f"echo 'PasswordAuthentication yes' > {EARLIER}")
    before = managed.files()

    same = managed.setup(managed=True, confirm_seconds=60)
    other = managed.setup(managed=True, confirm_seconds=60, root_login="keys")

    for result in (same, other):
        error = result.error()
        assert error is not None
        assert "passwordauthentication no: there is passwordauthentication yes" in "\n".join(error.last_lines).lower()
    assert managed.files() == before
    managed.login()


def test_groups_that_forget_us_are_taken_back_by_the_host(managed: Place) -> None:
    before = managed.files()
    managed.settings(managed=True, confirm_seconds=5, groups=["nogroup"])

    done = json.loads(run_tasks(managed.project, "setup", "--env", NAME, "--lab", "--json").stdout)

    assert done["exit_code"] == 1
    assert "would have locked us out of one" in done["error"]["message"]
    assert "the old one is back and the host answers" in done["error"]["message"]
    assert managed.files() == before
    assert managed.counts("allowgroups") == []
    managed.login()


def test_what_is_managed_no_longer_is_as_it_was(managed: Place) -> None:
    assert managed.setup(managed=False).error() is None

    assert managed.shell(f"ls {OURS} 2>/dev/null || echo gone").strip() == "gone"
    assert managed.counts("passwordauthentication") == ["passwordauthentication yes"]
    assert managed.setup(managed=False).changed == 0
