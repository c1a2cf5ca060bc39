"""One value changes in a YAML text; all else stays, or nothing changes."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from windlass.hosts.agent.yaml_text import answer


def asked(text: str, keys: list[str | int], value: object = None, *, absent: bool = False) -> str:
    """The new text, or why there is none."""
    said = answer({"want": "yaml", "text": text, "keys": keys, "value": json.dumps(value), "absent": absent})
    return str(said.get("text", said.get("refused")))


@pytest.mark.parametrize(
    ("text", "keys", "value", "wanted"),
    [
        ("a: 'x'\n", ["a"], "y", "a: 'y'\n"),
        ('a: "x" # c\n', ["a"], "y", 'a: "y" # c\n'),
        ("a: x\n", ["a"], "yes", "a: 'yes'\n"),
        ("a: x\n", ["a"], "two\nlines", 'a: "two\\nlines"\n'),
        ("a:\nb: 1\n", ["a"], 2, "a: 2\nb: 1\n"),
        ("a:\nb: 1\n", ["a", "c"], 2, "a:\n  c: 2\nb: 1\n"),
        ("a: {x: 1, y: 2}\n", ["a", "x"], 3, "a: {x: 3, y: 2}\n"),
        ("a: {x: 1}\n", ["a", "z"], [1], "a: {x: 1, z: [1]}\n"),
        ("a: {}\n", ["a", "z"], 1, "a: {z: 1}\n"),
        ("a: 1\n", ["a"], {"b": {"c": 2}}, "a:\n  b:\n    c: 2\n"),
        ("a:\n  b: 1\n  # gone\nc: 2\n", ["a"], 5, "a: 5\n  # gone\nc: 2\n"),
        ("a: |\n  text\n  more\nb: 1\n", ["a"], "x", "a: x\nb: 1\n"),
        ("# only a comment", ["a"], 1, "# only a comment\na: 1\n"),
        ("a: 1", ["b"], 2, "a: 1\nb: 2\n"),
        ("a: 1\r\nb: 2\r\n", ["c"], 3, "a: 1\r\nb: 2\r\nc: 3\r\n"),
        ("l:\n- a\n- b\n", ["l", 1], "c", "l:\n- a\n- c\n"),
        ("l: [a, b]\n", ["l", 2], "c", "l: [a, b, c]\n"),
        ("l:\n- name: x\n  port: 1\n", ["l", 0, "port"], 2, "l:\n- name: x\n  port: 2\n"),
        ("---\na: 1\n...\n", ["a"], 2, "---\na: 2\n...\n"),
    ],
)
def test_values_are_set(text: str, keys: list[str | int], value: object, wanted: str) -> None:
    assert asked(text, keys, value) == wanted
    assert asked(wanted, keys, value) == wanted


@pytest.mark.parametrize(
    ("text", "keys", "wanted"),
    [
        ("a: 1\nb: 2 # c\nc: 3\n", ["b"], "a: 1\nc: 3\n"),
        ("a: 1\nb: 2", ["b"], "a: 1\n"),
        ("a:\n  b: 1\nc: 2\n", ["a", "b"], "a: {}\nc: 2\n"),
        ("a: {x: 1, y: 2}\n", ["a", "x"], "a: {y: 2}\n"),
        ("l:\n- a\n- b\n", ["l", 0], "l:\n- b\n"),
        ("a: 1\n", ["a"], "{}\n"),
        ("a: 1\n", ["b", "c"], "a: 1\n"),
    ],
)
def test_values_are_removed(text: str, keys: list[str | int], wanted: str) -> None:
    assert asked(text, keys, absent=True) == wanted


@pytest.mark.parametrize(
    ("text", "keys", "why"),
    [
        ("a: [1", ["a"], "expected ',' or ']'"),
        ("- 1\n", ["a"], "nothing can hold it"),
        ("a: text\n", ["a", "b"], "nothing can hold it"),
        ("a: &x\n  p: 1\nb: *x\n", ["a", "p"], "too unusual"),
        ("a: &x [*x]\n", ["b"], "recursion"),
    ],
)
def test_what_is_not_sure_is_refused(text: str, keys: list[str | int], why: str) -> None:
    assert why in asked(text, keys, 2)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-99, 99)
    | st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]), max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=9,
)


@given(st.dictionaries(st.sampled_from("abcd"), VALUES), st.sampled_from("abcde"), VALUES, st.booleans(), st.booleans())
def test_a_change_says_what_was_wanted_or_is_refused(data: object, key: str, value: object, flow: bool, absent: bool) -> None:  # noqa: FBT001
    text = yaml.safe_dump(data, default_flow_style=flow, allow_unicode=True)

    said = answer({"want": "yaml", "text": text, "keys": [key], "value": json.dumps(value), "absent": absent})

    assert isinstance(data, dict)
    wanted = {name: each for name, each in data.items() if name != key} if absent else data | {key: value}
    assert "refused" in said or yaml.safe_load(said["text"]) == wanted
