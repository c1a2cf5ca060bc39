"""Decisions about releases: unchanged, ways back, pruning, what lies between."""

from __future__ import annotations

from typing import Any

from windlass.plans.slots import Back, Held, HostState, between, moment, prunable, resolve_release, unchanged, ways_back


def state(
    host: str, live: str, slots: dict[str, str], records: dict[str, dict[str, Any]], missing: tuple[str, ...] = ()
) -> HostState:
    return HostState.of(
        host,
        {
            "live": live,
            "slots": {slot: {"release": release} for slot, release in slots.items()},
            "records": records,
            "releases": sorted(set(records) - set(missing)),
            "progress": {},
            "free_bytes": 10**9,
        },
    )


def served(at: float, state: str = "live", **more: object) -> dict[str, Any]:
    return {"state": state, "live_at": at, "created": at, "artefact": f"a{at:.0f}", "configuration": "c", **more}


def test_first_deploy_goes_to_blue_and_the_next_to_green() -> None:
    assert state("a", "", {}, {}).idle == "blue"
    assert state("a", "blue", {"blue": "r1"}, {"r1": served(1)}).idle == "green"


def test_unchanged_only_if_every_host_serves_that_artefact_with_that_configuration() -> None:
    records = {"r1": served(1)}
    one = state("a", "blue", {"blue": "r1"}, records)
    other = state("b", "", {}, records)

    assert unchanged({"a": one}, "a1", {"a": "c"})
    assert not unchanged({"a": one}, "a2", {"a": "c"})
    assert not unchanged({"a": one}, "a1", {"a": "d"})
    assert not unchanged({"a": one, "b": other}, "a1", {"a": "c", "b": "c"})
    assert not unchanged({}, "a1", {})


def test_each_host_has_a_configuration_of_its_own() -> None:
    one = state("a", "blue", {"blue": "r1"}, {"r1": served(1)})
    other = state("b", "blue", {"blue": "r1"}, {"r1": served(1, configuration="other")})

    assert unchanged({"a": one, "b": other}, "a1", {"a": "c", "b": "other"})
    assert not unchanged({"a": one, "b": other}, "a1", {"a": "c", "b": "c"})


def test_the_same_artefact_under_two_releases_is_not_one() -> None:
    one = state("a", "blue", {"blue": "r1"}, {"r1": served(1)})
    other = state("b", "blue", {"blue": "r2"}, {"r2": served(1)})

    assert not unchanged({"a": one, "b": other}, "a1", {"a": "c", "b": "c"})


def test_back_is_the_release_that_served_before_and_it_is_warm_if_every_host_keeps_it() -> None:
    records = {"r1": served(1), "r2": served(2), "r3": served(3)}
    a = state("a", "green", {"blue": "r2", "green": "r3"}, records)
    b = state("b", "blue", {"green": "r2", "blue": "r3"}, records)

    assert ways_back({"a": a, "b": b}) == (Back("r2", warm=True), Back("r1", warm=False))


def test_a_release_missing_on_one_host_is_no_way_back() -> None:
    records = {"r1": served(1), "r2": served(2)}
    a = state("a", "green", {"green": "r2"}, records)
    b = state("b", "green", {"green": "r2"}, records, missing=("r1",))

    assert ways_back({"a": a, "b": b}) == ()


def test_going_back_twice_does_not_return_to_the_bad_release() -> None:
    records = {"r1": served(1), "r2": served(4), "r3": served(3, "bad")}
    a = state("a", "blue", {"blue": "r2", "green": "r3"}, records)

    assert ways_back({"a": a}) == (Back("r1", warm=False),)


def test_where_hosts_disagree_the_way_back_is_the_older_of_what_they_serve() -> None:
    records = {"r1": served(1), "r2": served(2), "r3": served(3)}
    a = state("a", "green", {"blue": "r2", "green": "r3"}, records)
    b = state("b", "blue", {"blue": "r2"}, records)

    assert ways_back({"a": a, "b": b}) == (Back("r2", warm=True), Back("r1", warm=False))


def test_bad_on_one_host_is_bad() -> None:
    a = state("a", "green", {"green": "r1"}, {"r1": served(3), "r2": served(2)})
    b = state("b", "green", {"green": "r1"}, {"r1": served(3), "r2": served(2, "bad")})

    assert ways_back({"a": a, "b": b}) == ()
    assert ways_back({"b": b, "a": a}) == ()


def test_what_goes_live_is_the_newest_whatever_the_clock_of_an_earlier_controller_said() -> None:
    states = {"a": state("a", "blue", {}, {"r1": served(1000.0), "r2": served(0.0, "failed")})}

    assert moment(states, 2000.0) == 2000.0
    assert moment(states, 500.0) == 1001.0
    assert moment({}, 500.0) == 500.0


def test_a_slot_remembers_what_was_started_in_it() -> None:
    found = HostState.of(
        "a",
        {
            "live": "blue",
            "slots": {
                "blue": {"release": "r1", "web": ["app-blue-web-0"], "workers": ["app-blue-mail-0"], "listens": ["/run/x"]},
                "green": {},
            },
            "records": {},
            "releases": [],
            "progress": {},
            "free_bytes": 0,
        },
    )

    assert found.held == {"blue": Held(("app-blue-web-0",), ("app-blue-mail-0",), ("/run/x",))}


def test_a_release_that_never_served_is_no_way_back() -> None:
    records = {"r1": served(1), "r2": {"state": "failed", "created": 2.0}}
    a = state("a", "blue", {"blue": "r1"}, records)

    assert ways_back({"a": a}) == ()


def test_prune_keeps_slots_the_newest_that_served_and_the_newest_failure() -> None:
    records = {f"r{n}": served(n) for n in range(1, 8)}
    records |= {"x1": {"state": "failed", "created": 1.5}, "x2": {"state": "failed", "created": 6.5}}
    a = state("a", "green", {"blue": "r1", "green": "r7"}, records)

    assert prunable(a, keep=3) == ("r2", "r3", "r4", "x1")


def test_what_goes_live_now_counts_among_the_newest() -> None:
    records = {"r1": served(1), "r2": served(2), "r3": served(3), "r4": {"state": "prepared"}}
    a = state("a", "blue", {"blue": "r3", "green": "r4"}, records)

    after = a.after("r4", "green", 4.0)

    assert (after.live, after.live_release) == ("green", "r4")
    assert prunable(after, keep=3) == ("r1",)


def test_what_lies_between_is_named() -> None:
    records = {
        "r1": served(1, migrations=["001-create"], environment={"A": "1", "B": "1", "GONE": "1"}),
        "r2": served(2, migrations=["001-create", "002-labels"], environment={"A": "1", "B": "2", "NEW": "1"}),
    }
    a = state("a", "green", {"blue": "r1", "green": "r2"}, records)

    found = between({"a": a}, "r2", "r1")

    assert found.migrations == ("002-labels",)
    assert found.environment == ("B", "GONE", "NEW")


def test_a_release_is_found_by_id_end_commit_or_reference() -> None:
    records = {"20260101-101010-abc1234": served(1, commit="abc1234ffff", reference="v1")}
    states = {"a": state("a", "blue", {}, records)}

    for wanted in ("20260101-101010-abc1234", "abc1234", "abc1234ff", "v1", "20260101"):
        assert list(resolve_release(states, wanted)) == ["20260101-101010-abc1234"]
    assert list(resolve_release(states, "v2")) == []
