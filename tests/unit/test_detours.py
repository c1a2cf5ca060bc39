"""A ProxyCommand of the user's ssh_config under Paramiko: what it is told, what it says, and that it is tried again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from windlass.errors import ConnectionFailed
from windlass.hosts.by_paramiko import connection
from windlass.hosts.by_paramiko.connection import open_session
from windlass.hosts.by_paramiko.detours import Proxy, completed
from windlass.hosts.common.retrying import BASTION_LOGINS, turnstile
from windlass.hosts.common.target import Target

# Writes down what it was asked for, waits until somebody says go, and is turned away twice as a busy sshd does it.
COMMAND = """\
#!/bin/sh
echo "$*" >> {folder}/logins
until test -e {folder}/go; do sleep 0.05; done
test $(wc -l < {folder}/logins) -gt {turned_away} ||
    { echo 'kex_exchange_identification: Connection closed by remote host' >&2; exit 255; }
echo 'nobody is there' >&2
exit 1
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home whose ssh_config sends all hosts through a command."""
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text(f"Host 192.0.2.*\n ProxyCommand {tmp_path}/proxy %r %h %p 100%%\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    connection._fabric_config.cache_clear()
    yield tmp_path
    connection._fabric_config.cache_clear()


def command(folder: Path, *, turned_away: int) -> None:
    (folder / "proxy").write_text(COMMAND.replace("{folder}", str(folder)).replace("{turned_away}", str(turned_away)))
    (folder / "proxy").chmod(0o755)


def logins(folder: Path) -> list[str]:
    file = folder / "logins"
    return file.read_text().splitlines() if file.exists() else []


def error_at(number: int) -> ConnectionFailed:
    target = Target(name="app1", address=f"192.0.2.{number}", user="grace", port=2022, connect_seconds=60.0)
    with pytest.raises(ConnectionFailed) as caught:
        open_session(target, "true")
    return caught.value


def test_it_is_told_where_to_go_and_tried_again_while_sshd_is_busy(folder: Path) -> None:
    command(folder, turned_away=2)
    (folder / "go").touch()

    assert error_at(7).message == "app1 (grace@192.0.2.7:2022): its ProxyCommand says: nobody is there"
    assert logins(folder) == ["grace 192.0.2.7 2022 100%"] * 3


def test_who_goes_by_the_same_command_waits_for_his_turn(folder: Path) -> None:
    command(folder, turned_away=0)
    name = f"{folder}/proxy %r %h %p 100%%"

    with ThreadPoolExecutor(BASTION_LOGINS * 2) as pool:
        tries = [pool.submit(error_at, number) for number in range(BASTION_LOGINS * 2)]
        while len(logins(folder)) < BASTION_LOGINS:
            time.sleep(0.05)
        full = not turnstile(name, 0).acquire(blocking=False)
        (folder / "go").touch()
        said = {each.result().message.partition(": ")[2] for each in tries}

    assert full
    assert said == {"its ProxyCommand says: nobody is there"}


def test_its_end_is_the_end_of_the_line_and_its_last_words_are_kept() -> None:
    proxy = Proxy("sh -c 'read line; echo $line; seq 5 >&2'")
    proxy.settimeout(60.0)

    assert proxy.send(b"hello\n") == 6
    assert proxy.recv(100) == b"hello\n"
    assert proxy.recv(100) == b""
    assert proxy.part() == "3; 4; 5"
    assert proxy.part() == ""


def test_what_stands_for_something_is_replaced() -> None:
    assert completed("nc -x %% %h%p %z", {"h": "a%pb", "p": "22"}) == "nc -x % a%pb22 %z"
