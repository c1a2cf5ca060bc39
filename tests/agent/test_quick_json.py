"""JSON by the part in C alone is the same JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.agent.core import quick_json

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
texts = st.text(max_size=40) | st.text(alphabet='{}[]":,0123456789.eE-+ntfalsru \\\n', max_size=20)


@given(values)
def test_what_is_written_is_what_json_writes(value: Any) -> None:
    _read, short, ordered = quick_json.by_the_part_in_c()

    assert short(value) == json.dumps(value, separators=(",", ":"))
    assert ordered(value) == json.dumps(value, sort_keys=True)


@given(values.map(lambda value: json.dumps(value, indent=1)) | texts)
def test_what_is_read_and_what_is_refused_is_the_same(text: str) -> None:
    read = quick_json.by_the_part_in_c()[0]
    try:
        wanted = json.loads(text)
    except ValueError:
        with pytest.raises(ValueError):  # noqa: PT011 - any will do
            read(text)
    else:
        assert repr(read(text)) == repr(wanted)


def test_by_the_whole_module_it_is_no_other() -> None:
    value = {"b": [1, 2.5, None, "é\ud800"], "a": {}}
    for (read, *writers), (usual, *usual_writers) in [(quick_json.by_the_part_in_c(), quick_json.by_the_module())]:
        for write, usually in zip(writers, usual_writers, strict=True):
            assert write(value) == usually(value)
            assert read(write(value)) == usual(usually(value)) == value
