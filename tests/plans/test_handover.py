"""Which workers end when."""

from __future__ import annotations

from windlass.plans.handover import before_migration, may_overlap, not_beside_others
from windlass.plans.slots import Held

WORKERS = ("shop-blue-mail-0", "shop-blue-bills-0", "shop-blue-bills-1", "shop-blue-clock-0")
HELD = Held(workers=WORKERS, drain=WORKERS[1:3], single=WORKERS[3:])


def test_what_drains_ends_before_the_migration_whatever_is_wanted_now() -> None:
    assert before_migration(HELD, {}, "shop-blue-") == WORKERS[1:3]


def test_what_overlapped_so_far_and_may_no_longer_ends_before_the_migration_for_it_holds_no_lock() -> None:
    assert (
        before_migration(Held(workers=WORKERS), {"mail": "overlap", "bills": "drain", "clock": "single"}, "shop-blue-")
        == WORKERS[1:]
    )


def test_what_is_single_and_stays_so_waits_for_the_gate() -> None:
    assert before_migration(HELD, {"clock": "single"}, "shop-blue-") == WORKERS[1:3]
    assert not_beside_others(HELD) == WORKERS[1:]
    assert may_overlap(HELD) == WORKERS[:1]
