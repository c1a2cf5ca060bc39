"""Jump hosts that only the user's ssh_config names: where they are, and that logins there wait for each other."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from windlass.hosts.by_openssh import ssh_jumps
from windlass.hosts.by_openssh.openssh import Session, open_session
from windlass.hosts.by_openssh.ssh_jumps import jumps
from windlass.hosts.common.retrying import BASTION_LOGINS, turnstile
from windlass.hosts.common.target import Target

CONFIG = """\
Host outer
 HostName 192.0.2.1
Host inner
 HostName 192.0.2.2
 Port 2022
 ProxyJump outer
Host chain
 ProxyJump grace@outer:2222,[2001:db8::1]:2223
Host behind-*
 ProxyJump inner
Host by-command-*
 ProxyCommand ssh -W %h:%p outer
Host far-*
 ProxyJump by-command-1
"""
BY_COMMAND = ("ssh -W %h:%p outer", 0)
# Speaks for ssh with files of its own; a login waits until somebody says go.
SSH = """\
#!/bin/sh
case " $* " in *" -G "*) exec /usr/bin/ssh -F {folder}/config "$@";; esac
echo in >> {folder}/logins
until test -e {folder}/go; do sleep 0.05; done
echo hello
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the program `ssh` and its configuration are."""
    (tmp_path / "config").write_text(CONFIG)
    (tmp_path / "ssh").write_text(SSH.format(folder=tmp_path))
    (tmp_path / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for remembered in (ssh_jumps._configured, ssh_jumps._settings, turnstile):
        remembered.cache_clear()
    yield tmp_path
    for remembered in (ssh_jumps._configured, ssh_jumps._settings, turnstile):
        remembered.cache_clear()


def to(address: str, jump: Target | None = None) -> Target:
    return Target(name=address, address=address, jump=jump, transport="openssh", warm_seconds=0)


def test_the_way_is_known_as_ssh_goes_it(folder: Path) -> None:
    outer, inner = ("192.0.2.1", 22), ("192.0.2.2", 2022)

    assert jumps(to("elsewhere")) == ()
    assert jumps(to("inner")) == (outer,)
    assert jumps(to("behind-one")) == (outer, inner)
    assert jumps(to("by-command-2")) == (BY_COMMAND,)
    assert jumps(to("far-1")) == (BY_COMMAND, ("by-command-1", 22))
    assert jumps(to("chain")) == (("192.0.2.1", 2222), ("2001:db8::1", 2223))


def test_the_inventory_s_way_goes_before_and_is_led_on_by_ssh_config(folder: Path) -> None:
    assert jumps(to("behind-one", jump=to("192.0.2.9"))) == (("192.0.2.9", 22),)
    assert jumps(to("host", jump=to("inner"))) == (("192.0.2.1", 22), ("inner", 22))


@pytest.mark.parametrize(("name", "place"), [("behind", ("192.0.2.2", 2022)), ("by-command", BY_COMMAND)])
def test_logins_at_a_jump_host_of_ssh_config_wait_for_their_turn(folder: Path, name: str, place: tuple[str, int]) -> None:
    def log_in(number: int) -> bytes:
        session: Session = open_session(to(f"{name}-{number}"), "true")
        try:
            return session.receive(100)
        finally:
            session.close()

    with ThreadPoolExecutor(BASTION_LOGINS * 2) as pool:
        greetings = [pool.submit(log_in, number) for number in range(BASTION_LOGINS * 2)]
        while (folder / "logins").read_text().count("in") < BASTION_LOGINS if (folder / "logins").exists() else True:
            time.sleep(0.05)
        full = not turnstile(*place).acquire(blocking=False)
        (folder / "go").touch()
        said = [greeting.result() for greeting in greetings]

    assert full
    assert said == [b"hello\n"] * BASTION_LOGINS * 2
