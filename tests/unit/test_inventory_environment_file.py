"""The environment file means the same to a shell and to Node."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from windlass.errors import InventoryError
from windlass.inventory import environment_file
from windlass.values import Secret

NODE = Path(sys.executable).with_name("node")
Reader = Callable[[Path], dict[str, str]]

VALUES = [
    "", "plain", " spaces around ", "a=b", "a#b", "#", "$HOME", "${HOME}", "$(id)", "`id`", "a\\nb", "\\", "a\\b",
    'say "so"', "it's", "'", "''", "' #", "two\nlines", "\n", "\n\n", "x\n#y\n", "é ü 漢 🎉", "\t", "!", "~", "*", "a;b&c|d",
    "export A=1", "-----BEGIN-----\nabc+/=\n-----END-----\n", "postgres://u:p%40ss@h/db?x=1&y=2", '{"a": "b"}', "\u2028", "\x7f",
]  # fmt: skip


def fits(value: str) -> bool:
    """The promise: which values every reader agrees about."""
    if "\r" in value or "\0" in value or value.endswith("\\"):
        return False
    return "'" not in value or not any(character in value for character in '\\$`"\n')


@pytest.fixture(scope="module")
def node() -> Iterator[Reader]:
    """One Node for all examples; it reads a file as `node --env-file` does."""
    program = """
        const {parseEnv} = require('node:util'), {readFileSync} = require('node:fs');
        require('node:readline').createInterface({input: process.stdin}).on('line', (file) =>
            console.log(JSON.stringify(parseEnv(readFileSync(file, 'utf8')))));
    """
    with subprocess.Popen([NODE, "-e", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        pipes = (process.stdin, process.stdout)

        def read(file: Path) -> dict[str, str]:
            pipes[0].write(f"{file}\n")
            pipes[0].flush()
            found: dict[str, str] = json.loads(pipes[1].readline())
            return found

        yield read
        process.stdin.close()


def shell(file: Path) -> dict[str, str]:
    program = f"set -a; . {file}; exec env -0"
    output = subprocess.run(["/bin/sh", "-c", program], capture_output=True, check=True, env={"PATH": os.environ["PATH"]}).stdout
    found = dict(each.split("=", 1) for each in output.decode().split("\0") if each)
    return {name: value for name, value in found.items() if name.startswith("V_")}


def write(folder: Path, values: list[str]) -> tuple[Path, dict[str, str]]:
    named = {f"V_{number}": value for number, value in enumerate(values)}
    file = folder / "environment"
    file.write_text(environment_file(named).reveal(), encoding="utf-8", newline="")
    return file, named


def test_a_table_of_values_reads_back_equal(tmp_path: Path, node: Reader) -> None:
    file, named = write(tmp_path, [value for value in VALUES if fits(value)])

    assert len(named) >= 30
    assert shell(file) == named
    assert node(file) == named


def test_node_itself_reads_it_at_its_start(tmp_path: Path) -> None:
    file, named = write(tmp_path, [value for value in VALUES if fits(value)])

    program = [str(NODE), f"--env-file={file}", "-e", "console.log(JSON.stringify(process.env))"]
    output = subprocess.run(program, capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"]})

    assert {name: value for name, value in json.loads(output.stdout).items() if name.startswith("V_")} == named


CHARACTERS = st.one_of(
    st.sampled_from("ab =#'\"\\$`\n\t{}!"), st.characters(blacklist_categories=["Cs"], blacklist_characters="\r\0")
)


@given(values=st.lists(st.text(CHARACTERS, max_size=12).filter(fits), max_size=6))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_value_that_fits_reads_back_equal(tmp_path: Path, node: Reader, values: list[str]) -> None:
    file, named = write(tmp_path, values)

    assert node(file) == named
    assert shell(file) == named


@given(value=st.text(st.sampled_from("a'\"\\$`\n\r\0"), max_size=5))
def test_a_value_is_refused_exactly_when_readers_would_not_agree(value: str) -> None:
    if fits(value):
        assert environment_file({"A": value}).reveal().startswith("A=")
    else:
        with pytest.raises(InventoryError, match="the environment file cannot hold this value"):
            environment_file({"A": value})


def test_all_values_that_do_not_fit_are_named_and_none_is_shown() -> None:
    with pytest.raises(InventoryError) as caught:
        environment_file({"A": "it's $5", "B": "fine", "C": Secret("path\\"), "1D": "x", "E": "a\r\nb"})

    assert caught.value.message == "the environment file cannot hold these values"
    assert caught.value.last_lines == (
        "A: has a single quote together with a backslash, `$`, backtick, double quote or new line",
        "C: ends with a backslash, which some readers take for a part of the closing quote",
        "1D: is not a name for an environment variable: letters, digits and `_`",
        "E: has a carriage return or a zero byte, which not every reader keeps",
    )


def test_the_file_is_a_secret() -> None:
    text = environment_file({"A": Secret("s3cret")})

    assert text.reveal() == "A='s3cret'\n"
    assert "s3cret" not in f"{text} {text!r}"
