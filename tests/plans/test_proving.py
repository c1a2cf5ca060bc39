"""What a drill's findings come to."""

from __future__ import annotations

from windlass.plans.proving import Snapshot, Targets, deviations, missed, weaknesses

DUMPED = Snapshot({"a": 3, "b": 2, "empty": 0}, {"a": "11", "empty": "0"}, ("s is at a.id",), ("i",))


def test_what_is_equal_has_no_deviation_and_the_database_s_own_faults_are_told_apart() -> None:
    restored = Snapshot({"b": 2, "empty": 0, "a": 3}, {"a": "11", "empty": "0", "b": "7"}, ("s is at a.id",))

    assert deviations(DUMPED, restored, []) == ()
    assert deviations(DUMPED, restored, None) == ()
    assert weaknesses(DUMPED) == (
        "the sequence s is at a.id, behind the highest: the next row may fail",
        "the index i is not valid in the database itself: it is not in the backup",
    )


def test_every_kind_of_deviation_is_one_line() -> None:
    restored = Snapshot({"a": 3, "b": 1, "empty": 0}, {"a": "12", "empty": "0"}, ("s is at a.id", "t is at b.id"), ("j",))

    assert deviations(DUMPED, restored, ["btree index x:", "    lacks a tuple"]) == (
        "b has 1 rows instead of 2",
        "a has as many rows as it should, and other ones",
        "the sequence t is at b.id, behind the highest",
        "the index j is not valid",
        "pg_amcheck: btree index x:",
        "pg_amcheck: lacks a tuple",
    )


def test_targets_are_missed_by_more_than_they_say() -> None:
    targets = Targets(rto=3600, rpo=7200)

    assert missed(targets, 3600, 7200) == ()
    assert missed(targets, 3700, 9000) == (
        "getting it back took 1 h 1 min, and rto is 1 h",
        "its data was 2 h 30 min old, and rpo is 2 h",
    )
    assert missed(targets, 1, None) == ()
    assert missed(Targets(), 1e9, 1e9) == ()
    assert Targets.of("4h", "") == Targets(rto=14400)
