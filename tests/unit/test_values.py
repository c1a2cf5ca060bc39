"""The small values: what they show and what they refuse."""

from __future__ import annotations

import base64
import json
import shlex
from collections.abc import Callable

import pytest

from windlass.errors import UsageError
from windlass.hosts.agent.payload import start_command
from windlass.report.masking import Mask
from windlass.values import Command, Secret, new_run_id


def test_a_secret_shows_itself_to_nobody() -> None:
    secret = Secret("the tulip sleeps")

    assert f"{secret} {secret!r} {secret:>20} {[secret]}" == "••• ••• ••• [•••]"
    assert secret.reveal() == "the tulip sleeps"


@pytest.mark.parametrize(
    "shown",
    [
        'tulip/84 it\'s "é"',
        "postgres://shop:tulip%2F84%20it%27s%20%22%C3%A9%22@db/shop",
        "GET /tulip/84%20it%27s%20%22%C3%A9%22",
        json.dumps({"password": 'tulip/84 it\'s "é"'}),
        json.dumps({"password": 'tulip/84 it\'s "é"'}, ensure_ascii=False),
        shlex.join(["login", 'tulip/84 it\'s "é"']),
    ],
)
def test_a_secret_is_known_in_the_shapes_that_programs_give_it(shown: str) -> None:
    hidden = Mask(lambda: [Secret('tulip/84 it\'s "é"')]).text(shown)

    assert "tulip" not in hidden
    assert "•••" in hidden


def test_short_pieces_of_a_secret_are_not_looked_for() -> None:
    assert Secret("on").shapes() == frozenset()
    assert Secret("on\n \n12").shapes() == {"on\n \n12", "on%0A%20%0A12", "on\\n \\n12"}


@pytest.mark.parametrize("user", ["", "a:", "ab:", "abc:", "admin@example.org:"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode, lambda text: text.hex().encode()])
def test_a_secret_is_known_within_more_that_is_encoded(user: str, encode: Callable[[bytes], bytes]) -> None:
    word = "tulip/84?>~ sleeps"
    shown = encode(f"{user}{word}\n".encode()).decode()
    hidden = Mask(lambda: [Secret(word)]).text(f"Authorization: Basic {shown}")

    assert "•••" in hidden
    assert len(hidden) < len(f"Authorization: Basic •••{encode(user.encode()).decode()}") + 6


def test_a_file_of_many_lines_is_not_looked_for_in_many_ways() -> None:
    text = "\n".join(f"line number {number}" for number in range(100))

    assert len(Secret(text).shapes()) < 300


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


def test_the_ids_of_runs_sort_by_time_and_differ_within_a_second() -> None:
    earlier, later = new_run_id(1_767_323_045.0), new_run_id(1_767_323_046.0)

    assert earlier.startswith("20260102T030405-")
    assert earlier < later
    assert len({new_run_id(0.0) for _ in range(20)}) > 1
