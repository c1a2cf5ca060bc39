"""Which tests belong together when several processes share the work: those of a file, of a folder with hosts of its own, or of
some families of cases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from xdist.scheduler import LoadFileScheduling

# To boot and set up hosts costs more than such a folder's tests, or those of short files that need the suite's hosts.
TOGETHER = {
    "tests/lab/roles": ("tests/lab/roles/",),
    "tests/lab/compose": ("tests/lab/compose/",),
    "tests/lab/tls": ("tests/lab/tls/",),
    "tests/lab/test_broken_runs.py": tuple(f"tests/lab/test_broken_{name}.py" for name in ("runs", "hosts", "rollbacks")),
    "tests/lab/test_workers.py": tuple(
        f"tests/lab/test_{name}.py" for name in ("workers", "pm2", "static", "nginx", "planted_secret")
    ),
}

# There are hundreds of cases for real hosts. Those of a line have a host in common (tests/lab/grounds.py), and so have other tests
# whose names begin as told; what is left is a part of its own.
CASES = "tests/lab/test_operations.py"
PARTS = {
    "databases": ("chains", "pip", "postgres_grant", "postgres_role", "postgresql"),
    "packages": ("apt", "git", "locale", "logrotate", "package", "service"),
}
BESIDES = {"packages": ("packages_", "a_check_says_what_the_run_does_to_a_system")}

# The quick ones that take longest, and those that start servers for themselves, begin first: what is left at the end is short.
LONGEST_QUICK = (
    "test_upload",
    "test_tasks_program",
    "test_cases",
    "test_fuzz",
    "test_retention",
    "test_secrets_flows",
    "test_tasks_secrets",
    "test_init",
    "test_conventions",
    "test_foresight_of_many",
    "test_scanner",
    "test_lifeline",
    "test_inventory_schema",
    "test_start",
    "test_modules",
    "test_user_pages",
    "test_families",
    "test_backup_watch",
)


@pytest.hookimpl(trylast=True)  # when they have been shuffled
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        return LONGEST_QUICK.index(item.path.stem) if item.path.stem in LONGEST_QUICK else len(LONGEST_QUICK)

    items.sort(key=rank)


def part_of(node_id: str) -> str:
    """The part of the cases that a test belongs to; empty for what is left."""
    name = node_id.partition("::test_")[2]
    beginnings = {part: [f"operation[{family}:" for family in families] for part, families in PARTS.items()}
    return next((part for part, own in beginnings.items() if name.startswith((*own, *BESIDES.get(part, ())))), "")


def unit(node_id: str) -> str:
    """The folder, file or part of a file whose tests go to one process."""
    if node_id.startswith(f"{CASES}::"):
        return "::".join(filter(None, (CASES, part_of(node_id))))
    return next((name for name, beginnings in TOGETHER.items() if node_id.startswith(beginnings)), node_id.partition("::")[0])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadFileScheduling | None:
    """By units, if they are to be distributed by files."""
    from xdist.scheduler import LoadFileScheduling  # noqa: PLC0415

    class ByUnits(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return unit(nodeid)

    return ByUnits(config, log) if config.getvalue("dist") == "loadfile" else None
