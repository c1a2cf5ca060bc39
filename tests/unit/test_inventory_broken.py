"""Whatever stands in a file of an environment, it is understood, or it is said what is wrong and where; nobody sees a trace."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.inventory_support import environment_in
from windlass.errors import WindlassError
from windlass.inventory import local_secrets, located
from windlass.inventory.located import read
from windlass.inventory.sops.tree import parse

WHOLE = """\
environment: {user: deploy, confirm: false, warm_seconds: 5}
hosts:
  web1: {address: 192.0.2.1, port: 22, labels: {zone: a}}
  data1: {address: 192.0.2.2, jump: web1}
groups:
  all: {roles: [web]}
  data: {hosts: [data1], roles: [data], variables: {data: {size: 10, needed: x}}}
variables:
  web: {port: 80, names: {a: one}, kernel: {vm.swappiness: 10}}
  custom: {answer: 42}
applications:
  shop:
    hosts: web1
    source: {git: "https://example.org/shop.git"}
    processes: {web: {command: node server.js, listen: socket}}
    environment: {PASSWORD: "{{ secrets.api_token }}"}
backups:
  shop: {host: data1, database: shop, directory: kept, schedule: "30 2 * * *"}
secrets:
  api_token: {generate: 32}
"""
SEALED = """\
api_token: ENC[AES256_GCM,data:AAAA,iv:AAAA,tag:AAAA,type:str]
sops:
    age:
        - recipient: age1x
          enc: |
            -----BEGIN AGE ENCRYPTED FILE-----
    lastmodified: "2026-01-02T03:04:05Z"
    mac: ENC[AES256_GCM,data:AAAA,iv:AAAA,tag:AAAA,type:str]
    unencrypted_suffix: _unencrypted
    version: 3.9.4
"""
ODD = st.sampled_from([
    "!!int foo", "!!bool foo", "!!float x", "!!timestamp foo", "!!timestamp 2026-01-02", "!!binary x", "!!binary aGk=", '!!int ""',
    "!foo x", "!!set {a, b}", "[]", "{}", "[1]", "{a: 1}", "~", "", '""', "0", "-1", "9" * 30, "1.5", "true", "2026-01-02", "*a",
    "&a [*a]", "{<<: 5}", "[" * 50 + "]" * 50, "'{{ secrets.nobody }}'", "'{{'", '"{{ host.x }}"', '"\\0"', "\x07", "\ud7ff",
    "x" * 300, "../..", "a b", "|", ">-", "? x",
])  # fmt: skip
NESTED = "is nested too deeply to be read: hundreds of levels, one in another"
PLACE = re.compile(r"(?<=[:\[,] )[^,{}\[\]\n]+|(?<=[{ ])[a-z_0-9]+(?=:)|\n")


@st.composite
def broken(draw: st.DrawFn, whole: str) -> str:
    """The text with some words, names or ends of lines exchanged for odd ones."""
    for _time in range(draw(st.integers(1, 3))):
        found = draw(st.sampled_from([match.span() for match in PLACE.finditer(whole)]))
        whole = whole[: found[0]] + draw(ODD) + whole[found[1] :]
    return whole


quick = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def told(work: Callable[[], object]) -> WindlassError | None:
    """What it says is wrong, if it does. Anything else that it raises is a trace."""
    try:
        work()
    except WindlassError as error:
        return error
    return None


@quick
@given(text=broken(WHOLE))
def test_a_broken_inventory_is_told_with_files_and_lines(text: str, tmp_path: Path) -> None:
    error = told(lambda: environment_in(tmp_path, {"all.yml": text}))

    place = r"(inventories/staging(/all\.yml)?|roles/\w+/defaults\.yml):\d+: "
    assert error is None or (error.last_lines and all(re.match(place, line) for line in error.last_lines))


def test_what_is_long_and_not_deep_is_read(tmp_path: Path) -> None:
    """Thousands of brackets beside each other, and a line of thousands of characters."""
    path = tmp_path / "all.yml"
    path.write_text("hosts:\n" + "".join(f"  web{n}: {{a: [b]}}\n" for n in range(3000)) + f"long: {'x' * 5000}\n")

    tree, notes = read(path, "all.yml")

    assert notes == []
    assert (len(tree.data["hosts"]), tree.data["hosts"]["web2999"]) == (3000, {"a": ["b"]})


def test_an_encrypted_file_that_refers_to_itself_is_told() -> None:
    for text in (
        SEALED.replace("api_token:", "api_token: &a [*a]\nother:", 1),
        SEALED.replace("age:", "more: &a {b: *a}\n    age:", 1),
    ):
        with pytest.raises(ValueError, match="nested too deeply to be read, or in itself"):
            parse(text)


@quick
@given(text=broken(SEALED))
def test_a_broken_encrypted_file_is_told(text: str, tmp_path: Path) -> None:
    (tmp_path / "inventories/staging").mkdir(parents=True, exist_ok=True)
    (tmp_path / "inventories/staging/secrets.sops.yml").write_text(text)
    environment = environment_in(tmp_path, {"all.yml": WHOLE})

    error = told(lambda: local_secrets(environment, {"HOME": str(tmp_path)}).existing())

    assert error
    assert error.message.startswith("inventories/staging/secrets.sops.yml")
    assert error.hint


@quick
@given(content=st.one_of(broken("api_token: x\nother: y\n").map(str.encode), st.binary(max_size=20)))
def test_a_broken_file_of_secrets_is_told(content: bytes, tmp_path: Path) -> None:
    environment = environment_in(tmp_path, {"all.yml": WHOLE})
    file = tmp_path / ".windlass/secrets/staging.yml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_bytes(content)

    error = told(lambda: local_secrets(environment, {}).existing())

    assert error is None or (error.message.startswith(".windlass/secrets/staging.yml") and error.hint)


def test_they_are_whole_before_they_are_broken(tmp_path: Path) -> None:
    assert environment_in(tmp_path, {"all.yml": WHOLE}).hosts
    assert parse(SEALED).leaves


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: !!int foo\n", "all.yml:2: b: 'foo' is no !!int: leave the tag out, or put it in quotes where it is text"),
        ('a: !!int ""\n', "all.yml:1: a: '' is no !!int: leave the tag out, or put it in quotes where it is text"),
        (
            f"a: {'9' * 5000}\n",
            f"all.yml:1: a: '{'9' * 40}...' is no !!int: leave the tag out, or put it in quotes where it is text",
        ),
        (f"a: 1\nb: {'[' * 900}{']' * 900}\n", f"all.yml:2: {NESTED}"),
        (f"a: 1\n\nb: {'[' * 200_000}", f"all.yml:3: {NESTED}"),
        (f"a:\n  {'- ' * 200_000}b\n", f"all.yml:2: {NESTED}"),
        (f"a: {'{b: ' * 200_000}", f"all.yml:1: {NESTED}"),
        ("a: 1\nb: x\x07\n", "all.yml:2: is not YAML: unacceptable character #x0007: control characters are not allowed"),
        (
            "a: &a [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1 or ''}, *a{n - 1 or ''}]\n" for n in range(1, 30)),
            "all.yml:1: comes to more than 1000 values: do aliases multiply each other?",
        ),
    ],
    ids=["no number", "nothing", "too long", "deep", "deep brackets", "deep dashes", "deep braces", "control", "too many"],
)
def test_what_python_or_yaml_would_break_on_has_words_of_its_own(
    text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(located, "MOST_VALUES", 1000)
    path = tmp_path / "all.yml"
    path.write_text(text)

    _tree, notes = read(path, "all.yml")

    assert [f"{note.place}: {'.'.join(map(str, note.path))}{': ' if note.path else ''}{note.text}" for note in notes] == [said]
