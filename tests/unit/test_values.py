"""The small values: what they show and what they refuse."""

from __future__ import annotations

import pytest

from windlass.errors import UsageError
from windlass.hosts.payload import start_command
from windlass.values import Command, Secret


def test_a_secret_shows_itself_to_nobody() -> None:
    secret = Secret("the tulip sleeps")

    assert f"{secret} {secret!r} {secret:>20} {[secret]}" == "••• ••• ••• [•••]"
    assert secret.reveal() == "the tulip sleeps"


def test_a_secret_is_no_argument_of_a_command() -> None:
    with pytest.raises(UsageError, match="cannot be an argument") as caught:
        Command.of("psql", "--password", Secret("the tulip sleeps"))

    assert "standard input" in caught.value.hint


def test_a_command_survives_a_shell() -> None:
    assert str(Command.of("echo", "it's", "$HOME", 3)) == """echo 'it'"'"'s' '$HOME' 3"""


@pytest.mark.parametrize("sudo", ["", "sudo -n"])
def test_the_start_of_the_agent_holds_nothing_that_login_shells_read_differently(sudo: str) -> None:
    command = start_command(sudo=sudo, tag="windlass for ada@desk pid 1")

    assert not set(command) & set("\\!\n`")
