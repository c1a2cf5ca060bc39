"""What ssh says when sshd had too many at its door or is away, which is worth another try, and when it is something else."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from windlass.hosts.by_openssh.openssh import command_line
from windlass.hosts.by_openssh.openssh_words import failure, tries
from windlass.hosts.common.target import Target

CLOSED = "kex_exchange_identification: Connection closed by remote host\r\nConnection closed by UNKNOWN port 65535\r\n"


@pytest.mark.parametrize(
    ("complaint", "often"),
    [
        (CLOSED, 8),
        ("kex_exchange_identification: read: Connection reset by peer\r\nConnection reset by 192.0.2.1 port 22\r\n", 8),
        (f"Not allowed at this time\r\n{CLOSED}", 8),
        (f"deploy@192.0.2.1: Permission denied (publickey).\r\n{CLOSED}", 1),
        (f"Host key verification failed.\r\n{CLOSED}", 1),
        (f"channel 0: open failed: connect failed: Connection refused\r\nstdio forwarding failed\r\n{CLOSED}", 1),
        ("ssh: connect to host 192.0.2.1 port 22: Connection refused\r\n", 3),
        ("", 1),
    ],
)
def test_a_door_that_was_too_full_is_tried_often_and_a_closed_one_a_little(complaint: str, often: int) -> None:
    assert tries(complaint) == often


@pytest.mark.parametrize(
    ("complaint", "meaning"),
    [
        (
            "Connection timed out during banner exchange\r\nConnection to 192.0.2.1 port 22 timed out\r\n",
            "takes the connection, but no SSH",
        ),
        ("Connection to 192.0.2.1 port 22 timed out\r\n", "takes the connection, but no SSH server answers"),
        ("ssh: connect to host 192.0.2.1 port 22: Connection timed out\r\n", "cannot be reached: ssh: connect to host 192.0.2.1"),
    ],
)
def test_a_host_that_falls_silent_before_the_login_is_told_from_one_that_is_down(complaint: str, meaning: str) -> None:
    target = Target(name="web1", address="192.0.2.1", user="ada", transport="openssh")

    assert failure(target, complaint).message.startswith(f"web1 (ada@192.0.2.1:22) {meaning}")
    assert tries(complaint) == 1


@pytest.mark.parametrize("level", ["QUIET", "DEBUG3"])
def test_what_a_person_s_configuration_says_of_sessions_of_his_own_is_not_ours(level: str, tmp_path: Path) -> None:
    """Less words leave no reason, more fill a pipe; his tunnels would be in use already, and his command is run instead of ours."""
    his = "RequestTTY force\n RemoteCommand tmux\n LocalForward 8080 localhost:80\n ExitOnForwardFailure yes\n"
    (tmp_path / "config").write_text(f"Host *\n LogLevel {level}\n {his}")
    target = Target(name="web1", address="192.0.2.1", user="ada", transport="openssh", warm_seconds=0)

    program, *words = command_line(target)
    said = subprocess.run(
        [program, "-F", str(tmp_path / "config"), *words, "-G", "192.0.2.1"], capture_output=True, text=True, check=True
    )

    found = said.stdout.splitlines()
    assert {"loglevel INFO", "clearallforwardings yes", "requesttty false"} <= set(found)
    assert [line for line in found if line.startswith(("remotecommand", "localforward"))] in ([], ["remotecommand none"])
