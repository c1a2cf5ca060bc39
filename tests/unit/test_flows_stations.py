"""Which stations of a run travel at once, and how they are told apart again."""

from __future__ import annotations

import pytest

from windlass import events
from windlass.flows.deployment.stations import Follower, Station, joined, parted, turns
from windlass.flows.steps import Timer
from windlass.operations.operation import Operation
from windlass.operations.release import Progress

PREPARE, START, FIRST, REST, TIDY = (Progress(root="/srv/shop", entry={"step": name}) for name in ("p", "s", "f", "r", "t"))


def run_on(*hosts: str) -> list[Station]:
    first, *rest = hosts
    return [
        Station("prepare", {host: [PREPARE, PREPARE] for host in hosts}),
        Station("quiet", {}, together=True),
        Station("start", {host: [START] for host in hosts}),
        Station("gate", {host: [] for host in hosts}),
        Station("switch", {first: [FIRST]}, together=True),
        Station("switch", {host: [REST] for host in rest}, together=True),
        Station("tidy", {host: [TIDY] for host in hosts}),
    ]


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        (["a"], [["prepare", "start", "switch", "tidy"]]),
        (["a", "b"], [["prepare", "start"], ["switch"], ["switch", "tidy"]]),
    ],
)
def test_only_what_needs_all_hosts_is_waited_for(hosts: list[str], expected: list[list[str]]) -> None:
    assert [[each.step for each in turn] for turn in turns(run_on(*hosts))] == expected


def test_results_belong_to_the_stations_that_asked() -> None:
    stations = run_on("a", "b")
    asked: dict[str, list[Operation]] = joined(stations)

    found = parted(stations, asked)  # each operation stands for its result

    assert asked["b"] == [PREPARE, PREPARE, START, REST, TIDY]
    assert found["prepare"] == {"a": (PREPARE, PREPARE), "b": (PREPARE, PREPARE)}
    assert found["switch"] == {"a": (FIRST,), "b": (REST,)}
    assert found["tidy"] == {"a": (TIDY,), "b": (TIDY,)}


def test_steps_are_told_when_the_last_host_comes_to_them_and_the_failed_one_is_the_one_it_stood_at() -> None:
    said: list[str] = []

    def listen(event: events.Event) -> None:
        if isinstance(event, events.StepStarted):
            said.append(event.step)
        if isinstance(event, events.StepEnded):
            said.append(f"{event.step} {'failed' if event.failed else 'ended'}")

    follower = Follower(Timer(listen))
    hear = follower.hearing(events.nobody)
    (turn, *_others) = turns(
        [Station("prepare", {"a": [PREPARE, PREPARE], "b": [PREPARE]}), Station("start", {"a": [START], "b": [START]})]
    )

    def at(host: str, index: int) -> None:
        hear(events.OperationStarted(host, "something", index, 3))

    def under_way() -> None:
        with follower.follow(turn):
            at("b", 0)
            at("b", 1)
            at("a", 1)
            assert said == ["prepare"]
            at("a", 2)
            assert said == ["prepare", "prepare ended", "start"]
            raise OSError("cut")

    with pytest.raises(OSError, match="cut"):
        under_way()

    assert said == ["prepare", "prepare ended", "start", "start failed"]
