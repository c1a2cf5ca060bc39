"""Which process a line belongs to, and whether that is no more."""

from __future__ import annotations

import subprocess
import sys

from windlass.hosts.agent.controller import identity, is_dead


def test_a_process_that_ended_is_dead_and_this_one_is_not() -> None:
    program = "from windlass.hosts.agent.controller import identity; print(identity())"
    other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()

    assert is_dead(other)
    assert not is_dead(identity())


def test_nothing_is_said_of_another_machine_boot_or_container() -> None:
    boot, namespace, process, started = identity().split("/")

    assert not is_dead(f"another/{namespace}/{process}/1")
    assert not is_dead(f"{boot}/1/{process}/1")
    assert is_dead(f"{boot}/{namespace}/{process}/{int(started) + 1}")
    assert not is_dead("")
