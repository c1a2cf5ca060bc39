"""One value changes in a JSON text; every other byte stays."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from windlass.agent.core import json_text

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=9,
)
OBJECTS = st.dictionaries(st.sampled_from("abcd"), VALUES)


@given(OBJECTS, st.sampled_from("abcde"), VALUES, st.sampled_from([None, 2, "\t"]))
def test_a_value_is_set_in_any_object(data: dict[str, object], key: str, value: object, indent: int | str | None) -> None:
    text = json.dumps(data, indent=indent)

    new = json_text.with_value(text, [key], value)

    assert json.loads(new) == data | {key: value}
    assert json_text.with_value(new, [key], value) == new
    if indent and data:
        assert new == json.dumps(data | {key: value}, indent=indent, ensure_ascii=False) or not new.isascii() or "\\u" in text


@given(OBJECTS, st.sampled_from("abcde"), st.sampled_from([None, 2]))
def test_a_value_is_removed_from_any_object(data: dict[str, object], key: str, indent: int | None) -> None:
    text = json.dumps(data, indent=indent)

    assert json.loads(json_text.without(text, [key])) == {name: value for name, value in data.items() if name != key}
