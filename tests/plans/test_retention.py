"""Which backups stay: the rules one by one, and what holds for any set of backups and any policy."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as some

from windlass.inventory import Keep
from windlass.plans.retention import Candidate, Decision, believed, retention

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
NOTHING = Keep.model_construct(last=0, hourly=0, daily=0, weekly=0, monthly=0, yearly=0, within="", at_least=1)


def policy(**counts: int | str) -> Keep:
    return NOTHING.model_copy(update=counts)


def nightly(count: int, **changes: object) -> list[Candidate]:
    """One a night at 2:30, `0` last night, `1` the night before."""
    values = {"verified": True} | changes
    return [Candidate(str(day), NOW - timedelta(days=day, hours=9, minutes=30), **values) for day in range(count)]  # type: ignore[arg-type]


def kept(backups: list[Candidate], keep: Keep) -> set[str]:
    return {decision.id for decision in retention(backups, keep, NOW) if decision.keep}


def reasons(backups: list[Candidate], keep: Keep) -> dict[str, tuple[str, ...]]:
    return {decision.id: decision.reasons for decision in retention(backups, keep, NOW)}


@pytest.mark.parametrize(
    ("off", "believed_off"),
    [
        (timedelta(minutes=30), timedelta(minutes=30)),  # within the run, which took an hour
        (timedelta(minutes=-9), timedelta(minutes=-9)),
        (timedelta(days=-400), timedelta()),  # else the next backup but one, or this one, would be dropped as an old one
        (timedelta(days=400), timedelta(days=400)),  # of the future: neither counted nor dropped
    ],
)
def test_a_host_whose_clock_is_behind_makes_no_old_backups(off: timedelta, believed_off: timedelta) -> None:
    assert believed(NOW + off, NOW, NOW + timedelta(hours=1)) == NOW + believed_off


def test_slots_are_held_by_the_newest_of_each_day_week_and_month() -> None:
    backups = nightly(60)

    said = reasons(backups, policy(last=1, daily=2, weekly=2, monthly=2))

    assert kept(backups, policy(last=1, daily=2, weekly=2, monthly=2)) == {"0", "1", "5", "20"}
    assert said["0"] == ("the newest good one", "last 1 of 1", "daily 2026-11-20", "weekly 2026-W47", "monthly 2026-11")
    assert said["5"] == ("weekly 2026-W46",)
    assert said["20"] == ("monthly 2026-10",)
    assert said["3"] == ("no slot holds it (1 last, 2 daily, 2 weekly, 2 monthly)",)


def test_only_days_that_have_a_backup_count() -> None:
    old = [Candidate(f"old{day}", NOW - timedelta(days=400 + day), verified=True) for day in range(5)]

    assert kept(old, policy(daily=3)) == {"old0", "old1", "old2"}


def test_days_are_those_of_utc_wherever_the_time_was_written() -> None:
    east = timezone(timedelta(hours=9))
    backups = [
        Candidate("same day", datetime(2026, 11, 19, 8, 0, tzinfo=east), verified=True),  # 18 November 23:00 UTC
        Candidate("next day", datetime(2026, 11, 19, 10, 0, tzinfo=east), verified=True),
        Candidate("evening", datetime(2026, 11, 18, 22, 0, tzinfo=UTC), verified=True),
    ]

    assert kept(backups, policy(daily=2)) == {"same day", "next day"}


def test_what_was_never_verified_fills_no_slot_and_goes_once_a_good_one_is_newer() -> None:
    newest, *older = nightly(4)
    backups = [newest, *(Candidate(each.id, each.taken, verified=False) for each in older[:2]), older[2]]

    assert reasons(backups, policy(daily=2)) == {
        "0": ("the newest good one", "daily 2026-11-20"),
        "1": ("never verified, and 0 is good and newer",),
        "2": ("never verified, and 0 is good and newer",),
        "3": ("daily 2026-11-17",),
    }


def test_unverified_ones_alone_are_left_alone() -> None:
    assert kept(nightly(3, verified=False), policy(last=1)) == {"0", "1", "2"}


def test_the_newest_proven_one_stays_without_a_slot() -> None:
    backups = [*nightly(3), Candidate("proven", NOW - timedelta(days=90), verified=True, proven=True)]

    assert kept(backups, policy(last=1)) == {"0", "proven"}


def test_what_is_dated_in_the_future_is_neither_counted_nor_dropped() -> None:
    backups = [*nightly(3), Candidate("future", NOW + timedelta(days=1), verified=True)]

    assert kept(backups, policy(last=1)) == {"0", "future"}


def test_nothing_is_dropped_while_the_newest_is_suspicious() -> None:
    small = Candidate("small", NOW - timedelta(hours=1), verified=False, suspicious="half as big as usual")
    failed = Candidate("failed", NOW - timedelta(minutes=30), verified=False)

    assert kept([small, *nightly(6)], policy(last=1)) == {"small", *"012345"}
    assert kept([failed, small, *nightly(6)], policy(last=1)) == {"failed", "small", *"012345"}
    assert kept([Candidate("accepted", NOW, verified=True), small, *nightly(6)], policy(last=1)) == {"accepted"}
    assert reasons([small, *nightly(2)], policy(last=1))["1"] == (
        "nothing is dropped while the newest, small, is suspicious: half as big as usual",
    )


def test_an_empty_policy_drops_nothing() -> None:
    assert kept(nightly(4), NOTHING) == {"0", "1", "2", "3"}


def at(*hours_ago: float) -> list[Candidate]:
    """Good ones, named by the hours since they were made."""
    return [Candidate(f"{hours:g}", NOW - timedelta(hours=hours), verified=True) for hours in hours_ago]


# What backup programs that keep by calendar agree on, and where ours differs on purpose. Noon is now, a Friday.
CASES = [
    ("hourly: the newest of each hour", at(0.1, 0.5, 0.9, 1.5, 1.9, 3), policy(hourly=3), {"0.1", "1.5", "3"}),
    ("hourly: hours without a backup do not count", at(1, 30, 300, 3000), policy(hourly=3), {"1", "30", "300"}),
    ("two rules may hold the same one, which uses a slot of both", at(1, 25, 49, 73), policy(last=2, daily=2), {"1", "25"}),
    ("a bigger count than there are keeps all", at(1, 25, 49), policy(daily=99), {"1", "25", "49"}),
    ("weeks begin on Monday, as ISO has them", at(1, 24 * 4, 24 * 5, 24 * 12), policy(weekly=2), {"1", "120"}),
    ("years", at(1, 24 * 300, 24 * 500, 24 * 800), policy(yearly=2), {"1", "12000"}),
    ("within: measured from the newest, not from now", at(1000, 1010, 1023, 1025), policy(within="24h"), {"1000", "1010", "1023"}),
    ("within: its end belongs to it", at(0, 24, 24.01), policy(within="1d"), {"0", "24"}),
    ("within and a slot add up", at(0, 5, 100, 200), policy(within="6h", daily=2), {"0", "5", "100"}),
    ("a floor stays whatever the slots say", at(0, 0.1, 0.2, 0.3), policy(daily=1, at_least=3), {"0", "0.1", "0.2"}),
    ("a floor above what there is keeps all", at(0, 50), policy(last=1, at_least=5), {"0", "50"}),
    ("one of the future uses up no slot, and no window begins with it", at(-50, 0, 3, 9), policy(within="4h"), {"-50", "0", "3"}),
]  # fmt: skip


@pytest.mark.parametrize(("backups", "keep", "stay"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_table_of_policies(backups: list[Candidate], keep: Keep, stay: set[str]) -> None:
    assert kept(backups, keep) == stay


def test_a_floor_is_of_good_ones() -> None:
    newest, *older = nightly(5)
    backups = [newest, *(Candidate(each.id, each.taken, verified=False) for each in older[:2]), *older[2:]]

    assert kept(backups, policy(last=1, at_least=2)) == {"0", "3"}
    assert reasons(backups, policy(last=1, at_least=2))["3"] == ("at least 2 of 2",)


def test_what_something_else_holds_stays_and_fills_no_slot_unless_it_is_good() -> None:
    doubted = Candidate("doubted", NOW - timedelta(hours=1), verified=False, held="its signature does not fit")

    assert reasons([*nightly(3), doubted], policy(last=1)) == {
        "0": ("the newest good one", "last 1 of 1"),
        "1": ("no slot holds it (1 last)",),
        "2": ("no slot holds it (1 last)",),
        "doubted": ("its signature does not fit",),
    }


def test_decisions_come_oldest_first() -> None:
    assert [decision.id for decision in retention(nightly(4), policy(last=2), NOW)] == ["3", "2", "1", "0"]


policies = some.builds(
    policy,
    **{word: some.integers(0, 4) for word in ("last", "hourly", "daily", "weekly", "monthly", "yearly", "at_least")},
    within=some.sampled_from(["", "3h", "2d", "40d"]),
)


@some.composite
def sets_of_backups(draw: some.DrawFn) -> list[Candidate]:
    hours = draw(some.lists(some.integers(-48, 24 * 900), unique=True, max_size=25))
    return [
        Candidate(
            f"b{number}",
            NOW - timedelta(hours=hour),
            verified=draw(some.booleans()),
            proven=draw(some.booleans()),
        )
        for number, hour in enumerate(hours)
    ]


def decided(backups: list[Candidate], keep: Keep) -> dict[str, Decision]:
    return {decision.id: decision for decision in retention(backups, keep, NOW)}


@given(sets_of_backups(), policies)
def test_every_backup_gets_one_decision_with_reasons(backups: list[Candidate], keep: Keep) -> None:
    decisions = retention(backups, keep, NOW)

    assert sorted(decision.id for decision in decisions) == sorted(each.id for each in backups)
    assert all(decision.reasons for decision in decisions)


@given(sets_of_backups(), policies)
def test_the_newest_good_and_the_newest_proven_one_are_never_dropped(backups: list[Candidate], keep: Keep) -> None:
    good = sorted((each for each in backups if each.verified and each.taken <= NOW), key=lambda each: each.taken)
    proven = [each for each in good if each.proven]

    assert {each.id for each in (good[-1:] + proven[-1:])} <= kept(backups, keep)


@given(sets_of_backups(), policies)
def test_as_many_good_ones_stay_as_the_policy_has_last_ones(backups: list[Candidate], keep: Keep) -> None:
    good = sorted((each for each in backups if each.verified and each.taken <= NOW), key=lambda each: each.taken, reverse=True)

    assert {each.id for each in good[: keep.last]} <= kept(backups, keep)


@given(sets_of_backups(), policies)
def test_deciding_again_on_what_stayed_drops_no_good_one(backups: list[Candidate], keep: Keep) -> None:
    stayed = [each for each in backups if each.id in kept(backups, keep)]

    assert {each.id for each in stayed if each.verified} <= kept(stayed, keep)


@given(sets_of_backups(), policies, some.integers(0, 4))
def test_a_wider_policy_drops_nothing_more(backups: list[Candidate], keep: Keep, more: int) -> None:
    wider = keep.model_copy(update={"daily": keep.daily + more, "last": keep.last + 1})
    if NOTHING not in (keep.model_copy(update={"at_least": 1}), wider):
        assert kept(backups, keep) <= kept(backups, wider)


@given(sets_of_backups(), policies)
def test_unverified_ones_change_nothing_for_good_ones(backups: list[Candidate], keep: Keep) -> None:
    good = [each for each in backups if each.verified]

    together, alone = decided(backups, keep), decided(good, keep)
    assert {each.id: together[each.id] for each in good} == alone


@given(sets_of_backups())
def test_an_empty_policy_drops_nothing_whatever_there_is(backups: list[Candidate]) -> None:
    assert kept(backups, NOTHING) == {each.id for each in backups}


@given(sets_of_backups(), policies)
def test_after_a_suspicious_one_nothing_is_dropped_until_a_good_one_is_newer(backups: list[Candidate], keep: Keep) -> None:
    past = [replace(each, taken=min(each.taken, NOW - timedelta(hours=3))) for each in backups]
    small = Candidate("small", NOW - timedelta(hours=2), verified=False, suspicious="half of it")
    good = Candidate("good", NOW - timedelta(hours=1), verified=True)

    assert kept([small, *past], keep) == {"small", *(each.id for each in past)}
    if keep.model_copy(update={"at_least": 1}) != NOTHING:
        assert "small" not in kept([good, small, *past], keep)


@given(sets_of_backups(), policies)
def test_only_good_ones_hold_slots(backups: list[Candidate], keep: Keep) -> None:
    slots = ("last ", "hourly ", "daily ", "weekly ", "monthly ", "yearly ", "within ", "at least ")
    holding = {each.id for each in retention(backups, keep, NOW) if any(reason.startswith(slots) for reason in each.reasons)}

    assert holding <= {each.id for each in backups if each.verified and each.taken <= NOW}
