"""What is said of hosts that cannot be entered: the commands in it are such as can be typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from windlass.hosts.common import refusals
from windlass.hosts.common.known_hosts import KnownKey
from windlass.hosts.common.target import Target

ED25519 = KnownKey("ssh-ed25519", "AAAAC3NzaC1lZDI1NTE5AAAAIDyfBU39o+rDJHHdK8JuJrxE+erruZcTTrjJEcXmnp+P")
WEB = Target(name="web1", address="203.0.113.10", user="deploy")
GATE = Target(name="gate", address="gate.example.org", user="ops", port=2200)


@pytest.mark.parametrize(
    ("target", "program", "typed"),
    [
        (WEB, "ssh", "ssh deploy@203.0.113.10"),
        (Target(name="web1", address="web1"), "ssh -v", "ssh -v web1"),
        (GATE, "ssh-copy-id", "ssh-copy-id -p 2200 ops@gate.example.org"),
        (
            Target(name="inner", address="10.0.0.1", user="ops", jump=GATE, private_key=Path("/home/me/my key")),
            "ssh",
            "ssh -i '/home/me/my key' -o ProxyJump=ops@gate.example.org:2200 ops@10.0.0.1",
        ),
    ],
)
def test_the_way_by_hand_is_the_one_that_was_tried(target: Target, program: str, typed: str) -> None:
    assert refusals.by_hand(target, program) == typed


def test_an_unknown_key_is_shown_as_ssh_keygen_shows_it() -> None:
    error = refusals.unknown_key(WEB, ED25519)

    assert error.message.endswith("nobody knows yet, SHA256:AIVYswRaNMUxUc8zmcyFZ/mV49h2l56NLhGi8tNWc1A")
    assert error.hint.startswith("`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the host")


def test_a_key_of_another_port_is_forgotten_by_the_name_that_the_file_has() -> None:
    error = refusals.other_key(Target(name="gate", address="gate.example.org", port=2200, known_hosts=Path("/x/known hosts")))

    assert "ssh-keygen -f '/x/known hosts' -R '[gate.example.org]:2200'" in error.hint
