"""Known hosts files as OpenSSH reads them, and read once."""

from __future__ import annotations

import base64
from pathlib import Path

import paramiko
import pytest

from windlass.hosts.by_paramiko.connection import host_keys
from windlass.hosts.common import known_hosts
from windlass.hosts.common.known_hosts import known_keys
from windlass.hosts.common.target import Target

ED25519 = "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
RSA = paramiko.RSAKey.generate(1024)


def line(names: str, key_type: str = "ssh-ed25519", key: str = ED25519) -> str:
    return f"{names} {key_type} {key}\n"


@pytest.mark.parametrize(
    ("names", "asked", "known"),
    [
        ("web1,10.0.0.1", "10.0.0.1", True),
        ("web1,10.0.0.1", "10.0.0.2", False),
        ("[web1]:2222", "[web1]:2222", True),
        ("[web1]:2222", "web1", False),
        ("*.example.org", "a.example.org", True),
        ("*.example.org,!b.example.org", "b.example.org", False),
        ("[*.example.org]:2222", "[a.example.org]:2222", True),
        pytest.param(paramiko.HostKeys.hash_host("web1"), "web1", True, id="hashed"),  # salted: its own text is no lasting name
        pytest.param(paramiko.HostKeys.hash_host("web1"), "web2", False, id="hashed, another"),
        ("|1|torn", "web1", False),
        ("@revoked web1", "web1", False),
        ("# web1", "web1", False),
    ],
)
def test_names(names: str, asked: str, *, known: bool, tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(line(names))

    assert [each.key for each in known_keys(asked, (path,))] == ([ED25519] if known else [])


@pytest.mark.parametrize(
    ("names", "revoked"),
    [("web1", True), ("*", True), ("web1,10.0.0.1", True), ("web2", False), ("*,!web1", False), ("hashed", True)],
)
def test_a_key_that_is_revoked_is_known_no_more(names: str, *, revoked: bool, tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    marked = paramiko.HostKeys.hash_host("web1") if names == "hashed" else names
    path.write_text(line("web1") + line("web1", RSA.get_name(), RSA.get_base64()) + f"@revoked {line(marked)}")
    target = Target(name="web1", address="web1", known_hosts=path)

    kinds = [each.key_type for each in known_keys("web1", (path,))]
    assert kinds == ([RSA.get_name()] if revoked else ["ssh-ed25519", RSA.get_name()])
    assert known_hosts.is_revoked(target, "web1", 22, base64.b64decode(ED25519)) is revoked
    assert not known_hosts.is_revoked(target, "web1", 22, RSA.asbytes())


def test_the_first_key_of_a_kind_counts_the_quick_kind_comes_first_and_lines_that_mean_nothing_are_passed_over(
    tmp_path: Path,
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("web1 ssh-rsa\nweb1 ssh-new AAAA\nweb1 ssh-ed25519 ?\n" + line("web1", RSA.get_name(), RSA.get_base64()))
    second.write_text(line("web1") + line("web1", RSA.get_name(), paramiko.RSAKey.generate(1024).get_base64()))

    keys = host_keys(known_keys("web1", (first, tmp_path / "none", second)))

    assert [key.get_base64() for key in keys] == [ED25519, RSA.get_base64()]


def test_a_file_is_read_once_and_again_when_it_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(line("web1"))
    before = known_hosts._read.cache_info().misses

    assert len(known_keys("web1", (path,))) + len(known_keys("web2", (path,))) == 1
    assert known_hosts._read.cache_info().misses == before + 1
    with path.open("a") as handle:
        handle.write(line("web2"))
    assert len(known_keys("web2", (path,))) == 1
