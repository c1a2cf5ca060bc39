"""What ssh says when sshd had too many at its door, which is worth another try, and when it is something else."""

from __future__ import annotations

import pytest

from windlass.hosts.openssh import was_dropped

CLOSED = "kex_exchange_identification: Connection closed by remote host\r\nConnection closed by UNKNOWN port 65535\r\n"


@pytest.mark.parametrize(
    ("complaint", "dropped"),
    [
        (CLOSED, True),
        ("kex_exchange_identification: read: Connection reset by peer\r\nConnection reset by 192.0.2.1 port 22\r\n", True),
        (f"Not allowed at this time\r\n{CLOSED}", True),
        (f"deploy@192.0.2.1: Permission denied (publickey).\r\n{CLOSED}", False),
        (f"Host key verification failed.\r\n{CLOSED}", False),
        (f"channel 0: open failed: connect failed: Connection refused\r\nstdio forwarding failed\r\n{CLOSED}", False),
        ("ssh: connect to host 192.0.2.1 port 22: Connection refused\r\n", False),
        ("", False),
    ],
)
def test_only_a_door_that_was_too_full_is_tried_again(complaint: str, *, dropped: bool) -> None:
    assert was_dropped(complaint) is dropped
