"""`--limit`: names, groups, globs, `!` and commas."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.errors import UsageError
from windlass.inventory import select

HOSTS = ("web2", "web1", "app1", "app2", "db1")
GROUPS = {"all": HOSTS, "web": ("web2", "web1"), "app": ("app1", "app2"), "none": ()}


@pytest.mark.parametrize(
    ("pattern", "meant"),
    [
        ("web1", ("web1",)),
        ("app", ("app1", "app2")),
        ("all", HOSTS),
        ("*1", ("web1", "app1", "db1")),
        ("[wa]*1", ("web1", "app1")),
        ("app,web2", ("web2", "app1", "app2")),
        ("!web", ("app1", "app2", "db1")),
        ("all,!web,!app1", ("app2", "db1")),
        ("!app1,app", ("app2",)),
        (" app , ! app1 ", ("app2",)),
        ("db1,db1,", ("db1",)),
    ],
)
def test_a_pattern_means_hosts_in_the_order_of_the_inventory(pattern: str, meant: tuple[str, ...]) -> None:
    assert select(pattern, HOSTS, GROUPS) == meant


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("wbe1", "no host or group is called 'wbe1' (did you mean web1?)"),
        ("zzz", "no host or group is called 'zzz'"),
        ("web,!zzz", "no host or group is called 'zzz'"),
        ("x*", "no host matches 'x*'"),
        ("app,!app", "'app,!app' means no host"),
        ("none", "'none' means no host"),
        ("", "'' means no host"),
        (",", "',' means no host"),
    ],
)
def test_a_pattern_that_means_nothing_is_refused(pattern: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        select(pattern, HOSTS, GROUPS)

    assert caught.value.message == message
    assert caught.value.hint == "hosts: web2, web1, app1, app2, db1; groups: all, web, app, none"


WORDS = st.sampled_from([*HOSTS, "all", "web", "app", "web*", "*1"])


@given(wanted=st.lists(WORDS, min_size=1, max_size=4), unwanted=st.lists(WORDS, max_size=3), data=st.data())
def test_a_pattern_is_the_union_of_its_words_without_what_is_excluded(
    wanted: list[str], unwanted: list[str], data: st.DataObject
) -> None:
    def meaning(words: list[str]) -> set[str]:
        return {host for word in words for host in select(word, HOSTS, GROUPS)}

    expected = meaning(wanted) - meaning(unwanted)
    pattern = ",".join(data.draw(st.permutations([*wanted, *(f"!{word}" for word in unwanted)])))

    if expected:
        assert select(pattern, HOSTS, GROUPS) == tuple(host for host in HOSTS if host in expected)
    else:
        with pytest.raises(UsageError, match="means no host"):
            select(pattern, HOSTS, GROUPS)
