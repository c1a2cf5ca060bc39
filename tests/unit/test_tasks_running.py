"""What a task's run counts as its own time."""

from __future__ import annotations

from windlass.report.progress import Progress
from windlass.tasks.door import Run
from windlass.tasks.running import _off_the_clock


def test_the_time_that_a_person_takes_to_answer_is_none_of_the_run_s() -> None:
    now = [100.0]
    run = Run("setup", progress=Progress(clock=lambda: now[0]))
    now[0] += 2
    with _off_the_clock(run):
        now[0] += 30
    now[0] += 1

    assert run.progress.seconds == 3
