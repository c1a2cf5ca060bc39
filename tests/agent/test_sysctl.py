"""Which values of kernel settings a check is sure of: those that could be tried out, and those that every kernel takes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from windlass.agent.core.context import Context
from windlass.agent.core.foreseen import Foresights
from windlass.agent.core.outcome import OperationError, Outcome
from windlass.agent.core.sysctl_ranges import is_taken
from windlass.agent.sysctl import _numbers, sysctl
from windlass.operations.sysctl import Sysctl

SHARED = Path("/proc/sys/kernel/shmmni")


@pytest.mark.parametrize(
    ("name", "has", "wanted", "sure"),
    [
        ("vm/overcommit_memory", [0], [2], True),
        ("vm/overcommit_memory", [0], [3], False),
        ("vm/overcommit_memory", [0], [1, 1], False),
        ("kernel/perf_event_paranoid", [2], [-1], True),
        ("kernel/printk", [4, 4, 1, 7], [3, 4, 1, 3], True),
        ("kernel/yama/ptrace_scope", [1], [2], True),
        ("kernel/yama/ptrace_scope", [3], [2], False),
        ("kernel/unprivileged_bpf_disabled", [1], [0], False),
        ("vm/windlass", [1], [0], False),
    ],
)
def test_a_value_is_sure_where_every_kernel_takes_it(name: str, has: list[int], wanted: list[int], *, sure: bool) -> None:
    assert is_taken(name, has, wanted) is sure


@pytest.mark.parametrize(
    ("text", "numbers"), [("16", [16]), ("0x10", [16]), ("020", [16]), ("-1", [-1]), ("0", [0]), ("1 2\t3", [1, 2, 3]), ("fq", [])]
)
def test_numbers_are_read_as_the_kernel_reads_them(text: str, numbers: list[int]) -> None:
    assert _numbers(text) == numbers


def foreseen(value: int) -> Outcome:
    context = Context(lambda _frame: None, check=True)
    context.foresights = Foresights(context)
    return sysctl(dict(Sysctl(name="kernel.shmmni", value=value).arguments()), context)


@pytest.mark.skipif(os.geteuid() != 0 or not os.access(SHARED, os.W_OK), reason="needs a kernel of its own, and root")
def test_what_each_namespace_has_of_its_own_is_tried_out_there() -> None:
    before = int(SHARED.read_text())

    assert not foreseen(before + 1).unknown
    with pytest.raises(OperationError, match="the kernel does not take 999999999"):
        foreseen(999999999)
    assert int(SHARED.read_text()) == before
