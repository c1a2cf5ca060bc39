"""What the processes of a parallel run share out among them."""

from __future__ import annotations

from tests.cases.case import FOLDER
from tests.sharing import PARTS, unit

CASES = "tests/lab/test_operations.py"


def test_the_tests_of_a_file_stay_together_and_so_do_those_of_files_that_share_hosts() -> None:
    assert unit("tests/lab/test_setup.py::test_it[one]") == "tests/lab/test_setup.py"
    assert unit("tests/lab/tls/test_grade.py::test_it") == unit("tests/lab/tls/test_answers.py::test_it") == "tests/lab/tls"
    assert unit("tests/lab/test_pm2.py::test_it") == unit("tests/lab/test_workers.py::test_it")


def test_the_cases_of_some_families_are_parts_of_their_own() -> None:
    assert unit(f"{CASES}::test_operation[apt: has nothing newer]") == f"{CASES}::packages"
    assert unit(f"{CASES}::test_operation[postgresql: makes a database]") == f"{CASES}::databases"
    assert unit(f"{CASES}::test_operation[user: is there]") == unit(f"{CASES}::test_something_else") == CASES
    assert unit(f"{CASES}::test_packages_wait_for_somebody") == f"{CASES}::packages"
    assert {family for families in PARTS.values() for family in families} <= {path.stem for path in FOLDER.glob("*.yml")}
