"""Our retention beside restic's, case by case: where they agree, and the one thing that ours does otherwise on purpose."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.plans.test_retention import policy
from windlass.plans.retention import Candidate, retention

DATA: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("restic.yml").read_text(encoding="utf-8"))
MOMENTS = [moment.replace(tzinfo=UTC) for moment in DATA["moments"]]
BACKUPS = [Candidate(f"{number:03}", moment, verified=True) for number, moment in enumerate(MOMENTS, start=1)]
PERIODS = {"hourly": "%Y-%m-%d %H", "daily": "%Y-%m-%d", "weekly": "%G %V", "monthly": "%Y-%m", "yearly": "%Y"}


def numbers(text: str) -> list[int]:
    """`1-3, 7` as 1, 2, 3, 7."""
    parts = [each.split("-") for each in text.split(", ")]
    return [number for part in parts for number in range(int(part[0]), int(part[-1]) + 1)]


def kept_by_restic(case: dict[str, Any]) -> Counter[datetime]:
    return Counter(MOMENTS[number - 1] for number in numbers(case["keeps"]))


def kept_by_us(case: dict[str, Any]) -> Counter[datetime]:
    decisions = retention(BACKUPS, policy(**case["policy"]), MOMENTS[0])
    return Counter(MOMENTS[int(decision.id) - 1] for decision in decisions if decision.keep)


def leaves_slots_free(case: dict[str, Any]) -> bool:
    """Whether a period of the policy has more slots than there are such periods."""
    return any(
        count > len({f"{moment:{PERIODS[word]}}" for moment in MOMENTS})
        for word, count in case["policy"].items()
        if word in PERIODS
    )


@pytest.mark.parametrize("case", DATA["cases"], ids=lambda case: str(case["policy"]))
def test_both_keep_the_same_but_for_the_oldest_which_restic_adds_where_slots_stay_free(case: dict[str, Any]) -> None:
    ours, theirs = kept_by_us(case), kept_by_restic(case)

    assert ours - theirs == Counter()
    assert theirs - ours == (Counter([MOMENTS[-1]]) if MOMENTS[-1] not in ours and leaves_slots_free(case) else Counter())


def test_the_table_has_a_case_of_either_kind() -> None:
    adds_the_oldest = [case for case in DATA["cases"] if kept_by_us(case) != kept_by_restic(case)]

    assert 0 < len(adds_the_oldest) < len(DATA["cases"]) / 3
