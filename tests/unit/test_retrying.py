"""Which errors of a login are worth another try, and how many tries they get."""

from __future__ import annotations

import errno

import paramiko
import pytest
from paramiko.ssh_exception import NoValidConnectionsError

from windlass.hosts.by_paramiko import connection
from windlass.hosts.common import retrying
from windlass.hosts.common.retrying import persistently

AT = ("192.0.2.1", 22)


@pytest.mark.parametrize(
    ("error", "often"),
    [
        (NoValidConnectionsError({AT: ConnectionRefusedError(errno.ECONNREFUSED, "refused")}), 3),
        (NoValidConnectionsError({AT: OSError(errno.EHOSTUNREACH, "no route")}), 1),
        (TimeoutError("timed out"), 1),
        (ConnectionResetError(errno.ECONNRESET, "reset"), 8),
        (EOFError(), 8),
        (paramiko.SSHException("Error reading SSH protocol banner"), 8),
        (paramiko.AuthenticationException("no"), 1),
    ],
)
def test_a_login_is_tried_as_often_as_what_went_wrong_is_worth(
    error: Exception, often: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrying, "LONGEST_PAUSE", 0.001)
    tried: list[int] = []

    def work() -> None:
        tried.append(1)
        raise error

    with pytest.raises(type(error)):
        persistently(work, connection._tries, 60.0)

    assert len(tried) == often


def test_what_comes_in_time_is_the_answer_and_what_would_come_too_late_is_not_waited_for() -> None:
    errors = [EOFError(), EOFError()]

    def work() -> str:
        if errors:
            raise errors.pop()
        return "in"

    with pytest.raises(EOFError):
        persistently(work, connection._tries, 0.0)
    assert persistently(work, connection._tries, 60.0) == "in"
