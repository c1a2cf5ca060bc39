"""How often a process began again that nobody had asked to."""

from __future__ import annotations

import pytest

from windlass.plans.layout import Layout
from windlass.plans.restarts import restarts, restless
from windlass.plans.slots import HostState, Record


@pytest.mark.parametrize(
    ("starts", "up", "live", "expected"),
    [
        (1, 100.0, 90.0, 0),  # as on any day: started, found fit, switched to
        (3, 100.0, 90.0, 0),  # it took three starts until the gate found it fit
        (2, 50.0, 90.0, 1),
        (15, 0.0, 90.0, 14),  # it is down just now
        (1, 50.0, 90.0, 0),  # somebody restarted it, or the host booted: counted anew
        (0, 0.0, 90.0, 0),
        (9, 0.0, 0.0, 0),  # kept warm, or of a release that nobody remembers
    ],
)
def test_restarts_since_the_switch(starts: int, up: float, live: float, expected: int) -> None:
    assert restarts(starts, up, live) == expected


def test_what_an_instance_leaves_in_run_is_found_by_the_name_of_its_process() -> None:
    layout = Layout("shop-blue")

    assert layout.run_of_process(layout.process_name("green", "mail-out-0")) == layout.run_of("green", "mail-out-0")


def test_processes_that_do_not_stay_up_are_told_by_host() -> None:
    states = {name: HostState(name, "blue", {"blue": "r1"}, {"r1": Record("r1", live_at=1000.0)}, ("r1",)) for name in ("a", "b")}
    seen = {
        "a": {"web-0": {"starts": 4, "uptime": 5.0}, "web-1": {"starts": 1, "uptime": 95.0}},
        "b": {"web-0": {"starts": 2, "uptime": 0.0}, "index.html": {"why": ""}},
    }

    assert restless(states, seen, 1090.0) == ["a web-0 3 times", "b web-0 once"]
