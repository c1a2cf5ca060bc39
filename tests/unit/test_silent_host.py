"""A host whose kernel takes connections while all its programs stand still: it is not said to be down, nor not to let us in."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

import pytest

from windlass.errors import ConnectionFailed
from windlass.hosts.by_libssh2 import libssh2
from windlass.hosts.by_openssh import openssh
from windlass.hosts.by_paramiko import connection
from windlass.hosts.common.session import NotLetIn, Opener
from windlass.hosts.common.target import Target


@pytest.mark.parametrize("opener", [connection.open_session, openssh.open_session, libssh2.open_session])
def test_a_frozen_host_is_told_from_one_that_is_down(opener: Opener, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as frozen:
        target = Target(
            name="web1",
            address="127.0.0.1",
            user="ada",
            port=frozen.getsockname()[1],
            known_hosts=tmp_path / "known_hosts",
            connect_seconds=1.0,
            warm_seconds=0,
        )
        with pytest.raises(ConnectionFailed) as caught, contextlib.closing(opener(target, "true")) as session:
            session.receive(1)

    assert caught.value.message == f"web1 (ada@127.0.0.1:{target.port}) takes the connection, but no SSH server answers"
    assert "look at its console" in caught.value.hint
    assert not isinstance(caught.value, NotLetIn)
