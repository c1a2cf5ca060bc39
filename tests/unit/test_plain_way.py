"""Which hosts are reached plainly, so that libssh2 can carry them."""

from __future__ import annotations

from pathlib import Path

import pytest

from windlass.hosts.common import plain_way, ssh_files
from windlass.hosts.common.target import Target


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("", True),
        ("Host *\n    SendEnv LANG LC_*\n    HashKnownHosts yes\n", True),
        ("Host other\n  User git\n  IdentityFile ~/.ssh/other\n  ProxyJump gate\n", True),
        ("Host web1\n  HostName 10.0.0.1\n", False),
        ("Host web*\n  Port 2222\n", False),
        ("Host *\n  IdentityFile ~/.ssh/site\n", False),
        ("Host *\n\tproxycommand=nc %h %p\n", False),
    ],
)
def test_what_ssh_config_says_of_a_host_is_left_to_who_understands_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, *, plain: bool
) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text(text)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(ssh_files, "CONFIGURATION", tmp_path / "none")
    monkeypatch.setattr(ssh_files, "files", lambda: (tmp_path / ".ssh" / "config",))
    plain_way._configured.cache_clear()

    assert plain_way.is_plain(Target(name="web1", address="web1")) == plain
    plain_way._configured.cache_clear()


def test_a_jump_host_or_a_certificate_is_more_than_plain(tmp_path: Path) -> None:
    bare, certified = tmp_path / "bare", tmp_path / "certified"
    (tmp_path / "certified-cert.pub").write_text("ssh-ed25519-cert-v01@openssh.com …\n")

    assert plain_way.is_plain(Target(name="a", address="192.0.2.1", private_key=bare))
    assert not plain_way.is_plain(Target(name="a", address="192.0.2.1", private_key=certified))
    assert not plain_way.is_plain(Target(name="a", address="192.0.2.1", jump=Target(name="gate", address="192.0.2.2")))
