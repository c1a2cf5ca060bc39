"""Configuration of ssh is seen at a glance to say nothing of a kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from windlass.hosts.common import ssh_files


@pytest.mark.parametrize(
    ("text", "mentioned"),
    [
        ("", False),
        ("Host *\n    SendEnv LANG LC_*\n    HashKnownHosts yes\n# ProxyJump none\n", False),
        ("Include /etc/ssh/ssh_config.d/*.conf\n", False),
        ("Host a\n  HostName proxy.example.com\n", False),
        ("Host a\n\tproxyjump b\n", True),
        ("Host a\n  ProxyCommand=nc %h %p\n", True),
        ("Include config.d/*\n", True),
        ('Include "/etc/ssh/ssh_config.d/*.conf"\n', True),
    ],
)
def test_files_that_can_lead_through_others_are_seen_at_a_glance(tmp_path: Path, text: str, *, mentioned: bool) -> None:
    (tmp_path / "config").write_text(text)

    assert ssh_files.mention(("proxy",), (tmp_path / "config", tmp_path / "is not there")) == mentioned
