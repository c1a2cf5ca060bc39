"""What is written into a host before it boots, the first time and again."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from windlass.lab.description import HostSpec, LabHost
from windlass.lab.guest import Dress, dress
from windlass.lab.keys import ensure_key, known_hosts_line

NAMES = {"app1.example.org": "198.51.100.10", "db1": "198.51.100.11"}


@pytest.fixture
def host(tmp_path: Path) -> LabHost:
    folder = tmp_path / "host"
    folder.mkdir()
    ensure_key(folder / "ssh_host_ed25519_key", "app1")
    return LabHost("app1.example.org", "198.51.100.10", "root", 2222, docker=False, machine="wabcdefh0", folder=folder)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("etc/ssh", "root"):
        (tmp_path / "tree" / name).mkdir(parents=True)
    owner = tmp_path.stat()
    (tmp_path / "tree/etc/passwd").write_text(f"root:x:{owner.st_uid}:{owner.st_gid}:root:/root:/bin/bash\n")
    (tmp_path / "tree/etc/hosts").write_text("127.0.0.1 localhost\n192.0.2.7 printer\n")
    return tmp_path / "tree"


def worn(public_key: str) -> Dress:
    return Dress("198.51.100.1", NAMES, "nameserver 192.0.2.53\n", {"https_proxy": "http://192.0.2.8:3128/%20"}, public_key)


def test_a_host_knows_its_name_address_neighbours_and_surroundings(tree: Path, host: LabHost) -> None:
    dress(tree, host, HostSpec(host.name, user="root", port=2222), worn("ssh-ed25519 AAAA"))

    written = {path: (tree / "etc" / path).read_text() for path in ("hostname", "hosts", "resolv.conf", "lab/network")}
    assert written == {
        "hostname": "app1.example.org\n",
        "hosts": "127.0.0.1 localhost\n192.0.2.7 printer\n# lab: begin\n127.0.1.1 app1.example.org app1\n"
        "198.51.100.10 app1.example.org app1\n198.51.100.11 db1\n# lab: end\n",
        "resolv.conf": "nameserver 192.0.2.53\n",
        "lab/network": "ADDRESS=198.51.100.10/24\nGATEWAY=198.51.100.1\n",
    }
    assert (tree / "etc/environment").read_text() == 'https_proxy="http://192.0.2.8:3128/%20"\n'
    assert "%%20" in (tree / "etc/systemd/system.conf.d/lab.conf").read_text()


def test_a_second_time_replaces_only_what_the_lab_wrote(tree: Path, host: LabHost) -> None:
    spec = HostSpec(host.name, user="root")
    dress(tree, host, spec, worn("ssh-ed25519 OLD"))
    (tree / "etc/hosts").write_text("192.0.2.9 mine\n" + (tree / "etc/hosts").read_text())
    with (tree / "root/.ssh/authorized_keys").open("a") as file:
        file.write("ssh-ed25519 MINE me@example.org\n")

    dress(tree, host, spec, worn("ssh-ed25519 NEW"))

    hosts, keys = (tree / "etc/hosts").read_text(), (tree / "root/.ssh/authorized_keys").read_text()
    assert (hosts.count("lab: begin"), hosts.startswith("192.0.2.9 mine\n127.0.0.1 localhost\n")) == (1, True)
    assert keys == "ssh-ed25519 MINE me@example.org\nssh-ed25519 NEW windlass-lab\n"


def test_root_gets_in_only_where_the_specification_says_root(tree: Path, host: LabHost) -> None:
    dress(tree, host, HostSpec(host.name, user="root"), worn("ssh-ed25519 AAAA"))

    assert "Port 2222\nPermitRootLogin prohibit-password\n" in (tree / "etc/ssh/sshd_config.d/50-lab.conf").read_text()
    assert (tree / "root/.ssh/authorized_keys").stat().st_mode & 0o777 == 0o600
    assert (tree / "etc/ssh/ssh_host_ed25519_key").stat().st_mode & 0o777 == 0o600


def test_only_a_host_for_docker_is_equipped_for_it_and_a_second_time_does_no_harm(tree: Path, host: LabHost) -> None:
    link = tree / "etc/systemd/system/multi-user.target.wants/lab-docker.service"
    dress(tree, host, HostSpec(host.name, user="root"), worn("ssh-ed25519 AAAA"))
    before = link.is_symlink()
    for _ in range(2):
        dress(tree, replace(host, docker=True), HostSpec(host.name, user="root", docker=True), worn("ssh-ed25519 AAAA"))

    assert (before, link.is_symlink(), "mount -t cgroup" in link.read_text()) == (False, True, True)


def test_openssh_reads_the_generated_key(tmp_path: Path) -> None:
    public = ensure_key(tmp_path / "key", "someone")

    derived = subprocess.run(["ssh-keygen", "-y", "-f", tmp_path / "key"], capture_output=True, text=True, check=True)

    assert derived.stdout.split()[:2] == public.split()[:2]
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert ensure_key(tmp_path / "key", "someone") == public


def test_known_hosts_name_the_port_when_it_is_not_22() -> None:
    public = "ssh-ed25519 AAAA comment"

    assert known_hosts_line("198.51.100.10", 22, public) == "198.51.100.10 ssh-ed25519 AAAA"
    assert known_hosts_line("198.51.100.10", 2222, public) == "[198.51.100.10]:2222 ssh-ed25519 AAAA"
