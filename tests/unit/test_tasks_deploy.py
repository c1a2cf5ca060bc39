"""What a person reads after a deploy and a rollback, and in the list of releases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.unit.sample_project import run_tasks, write_project
from windlass.errors import ConnectionFailed, FlowFailed
from windlass.flows.deployment.deploy import Deployed
from windlass.flows.deployment.overview import ApplicationStatus, Releases
from windlass.flows.deployment.rollback import RolledBack
from windlass.flows.deployment.slot_rows import InstanceSeen, Row
from windlass.plans.slots import Between, Record
from windlass.report.errors import render_error
from windlass.tasks.deploy import _deployed, _releases, _rolled_back
from windlass.tasks.processes import _listed
from windlass.tasks.status_words import shown


def deployed(*, hosts: int, warm: bool, left: int = 0) -> str:
    switched = {f"app{number}": 1.0 for number in range(hosts)}
    return _deployed(
        Deployed("shop", "r2", before="r1", warm=warm, reference="v2", switch_milliseconds=switched, left={"app0": left})
    ).text


def test_a_deploy_counts_its_hosts_and_says_whether_the_old_release_is_warm() -> None:
    assert deployed(hosts=1, warm=True).splitlines()[:2] == [
        "shop r2 (v2) serves on 1 host",
        "before it: r1, kept warm: invoke rollback brings it back",
    ]
    assert deployed(hosts=2, warm=False).splitlines()[:2] == [
        "shop r2 (v2) serves on 2 hosts",
        "before it: r1, stopped: invoke rollback brings it back",
    ]


def test_a_deploy_says_who_had_to_be_cut_off() -> None:
    cut_off = "connection to the old release was still open after the drain's limit and was closed"
    assert deployed(hosts=1, warm=True, left=1).splitlines()[-1] == f"1 {cut_off}"


def test_a_rollback_counts_its_hosts() -> None:
    text = _rolled_back(RolledBack("shop", "r1", "r2", warm=True, between=Between(), switch_milliseconds={"app1": 1.0})).text

    assert text.splitlines()[0] == "shop r1 serves again on 1 host (by the switch alone)"


def test_a_rollback_that_took_back_a_deploy_says_that_it_stopped_there() -> None:
    text = _rolled_back(RolledBack("shop", "r1", "", warm=True, between=Between(), undone="r2")).text

    assert text.splitlines() == [
        "shop r1 serves: the deploy of r2 had broken off and was taken back; nothing else was done",
        "to go back further, run the same again",
    ]


def test_the_list_of_releases_names_who_made_them_by_user_and_machine() -> None:
    record = Record("r1", "live", operator="ada@desk (ada@example.com)", live_at=1.0)
    text = _releases(Releases("shop", (record,), {"r1": ("app1",)}, {"r1": ("app1",)}, ())).text

    assert "ada@desk" in text
    assert "example.com" not in text


def test_status_shows_for_each_process_what_it_uses_and_what_it_may() -> None:
    web = InstanceSeen("web-0", 42, running=True, uptime=90.0, starts=1, memory=50 << 20, memory_limit=300 << 20, cpu=12.5)
    mail = InstanceSeen("mail-0", 0, running=False, uptime=0.0, starts=2, memory=0, memory_limit=0, cpu=0.0)
    seen: dict[str, Any] = {
        "age": 1.0,
        "healthy": True,
        "why": "",
        "memory": 50 << 20,
        "cpu": 12.5,
        "connections": 0,
        "processes": "1/2",
    }
    rows = tuple(Row("app1", slot, "r1", live=slot == "blue", **seen, instances=(web, mail)) for slot in ("blue", "green"))
    found = [ApplicationStatus("shop", rows, (), "", agree=True, unreachable={})]

    said = [line.split() for line in shown(found, processes=True).text.splitlines() if "-0 " in line]

    assert said == [
        ["shop", "app1", "blue-web-0", "42", "1", "min", "30", "s", "1", "50.0", "MiB", "300.0", "MiB", "12.5", "%"],
        ["shop", "app1", "blue-mail-0", "down", "2"],
        ["shop", "app1", "green-web-0", "42", "1", "min", "30", "s", "1", "50.0", "MiB", "300.0", "MiB", "12.5", "%"],
        ["shop", "app1", "green-mail-0", "asleep", "2"],
    ]
    assert "web-0" not in shown(found).text


def test_status_tells_which_processes_did_not_stay_up_since_the_switch() -> None:
    again = {"web-0": 14, "web-1": 0, "mail-0": 1}
    figures: dict[str, Any] = {"pid": 42, "running": True, "uptime": 3.0, "starts": 15, "memory": 1, "memory_limit": 0, "cpu": 0.0}
    seen = tuple(InstanceSeen(name, **figures, restarts=count) for name, count in again.items())
    sums: dict[str, Any] = {
        "age": 7200.0,
        "healthy": True,
        "why": "",
        "memory": 1,
        "cpu": 0.0,
        "connections": 0,
        "processes": "3/3",
    }
    row = Row("app1", "blue", "r1", live=True, **sums, instances=seen)

    outcome = shown([ApplicationStatus("shop", (row,), (), "", agree=True, unreachable={})])

    said = "shop on app1: restarted since r1 went live 2 h ago: web-0 14 times, mail-0 once (invoke app.logs says why)"
    assert outcome.text.splitlines()[-1] == said
    assert outcome.error is None, "it serves; a person has to judge"


def test_of_a_host_that_is_not_reached_nobody_says_that_nothing_is_deployed() -> None:
    lost = {"app1": "app1 cannot be reached"}
    outcome = shown([ApplicationStatus("shop", (), (), "", agree=True, unreachable=lost, hints=("by hand: ssh app1",))])

    assert outcome.text == ""
    assert isinstance(outcome.error, FlowFailed)
    assert (outcome.error.hosts, outcome.error.hint) == (lost, "by hand: ssh app1")
    assert shown([ApplicationStatus("shop", (), (), "", agree=True, unreachable={})]).text == "nothing is deployed yet"


def test_what_a_host_failed_with_is_told_once_with_what_to_do() -> None:
    error = _listed({"app1": [], "app2": ConnectionFailed("it does not answer", host="app2", hint="is it up?")}).error

    assert error is not None
    assert render_error(error).splitlines() == ["error: 1 host failed", "  app2: it does not answer", "hint: is it up?"]


def test_where_there_is_no_application_none_is_asked_for(tmp_path: Path) -> None:
    done = run_tasks(write_project(tmp_path), "deploy", "--env", "staging")

    assert (done.returncode, done.stderr.splitlines()[0]) == (2, "error: staging has no applications")


def test_where_no_host_has_a_firewall_none_is_said_to_be_as_it_was_compiled(tmp_path: Path) -> None:
    done = run_tasks(write_project(tmp_path), "firewall.check", "--env", "staging")

    assert (done.returncode, done.stdout, done.stderr.splitlines()[0]) == (
        2,
        "",
        "error: none of these hosts has the role firewall",
    )
