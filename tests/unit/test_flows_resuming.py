"""What a run was begun with, and how it is gone on with."""

from __future__ import annotations

import gzip
import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import windlass
from tests.unit.sample_project import run_tasks, write_project
from windlass.errors import UsageError
from windlass.flows.resuming import MOST, Remembering, Started, recall, reopen, told
from windlass.flows.secrets import secret_file
from windlass.flows.setup import batch_for
from windlass.flows.workspace import load_environment, open_workspace
from windlass.history.database import History, RunRow
from windlass.history.ledger import Entry, HostBooks
from windlass.hosts.many.crew import Hands
from windlass.operations.file import File
from windlass.plans.rounds import FailurePolicy, Share

RUN = "20260102T030405-1f2e3d"
HOSTS = "inventories/staging/hosts.yml"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path)


def begun(project: Path, *hosts: str) -> Started:
    """A run on these hosts that has been remembered."""
    return remember(project, Started(RUN, "staging", hosts or ("web1", "web2"), lab=False))


def remember(project: Path, started: Started) -> Started:
    """The run as it is written down."""
    workspace = open_workspace(project, started.environment)
    with Remembering(project, started) as run:
        run.want({name: batch_for(workspace, workspace.environment.host(name)) for name in started.hosts}, workspace.secrets)
    assert run.trouble == ""
    return recall(project, started.run, started.environment)


def begun_on(project: Path, *hosts: str) -> Started:
    """The run as if it had been on these hosts only."""
    return replace(recall(project, RUN, "staging"), hosts=hosts)


def change(project: Path, name: str, old: str, new: str) -> None:
    text = (project / name).read_text()
    assert old in text
    (project / name).write_text(text.replace(old, new))


def test_a_run_is_found_again_with_all_that_shapes_it(project: Path) -> None:
    policy = FailurePolicy(on_failure="stop", serial=Share(25, percent=True), max_failed=Share(2))
    started = Started(RUN, "staging", ("web1", "web2"), ("greeting",), lab=False, policy=policy, hands=Hands(2, "dask://x:1"))

    found = remember(project, started)

    assert found.values
    assert (found.run, found.environment, found.hosts, found.roles) == (RUN, "staging", ("web1", "web2"), ("greeting",))
    assert (found.policy, found.hands, found.version) == (policy, Hands(2, "dask://x:1"), windlass.__version__)


def test_a_run_is_gone_on_with_only_where_it_was(project: Path) -> None:
    begun(project)

    with pytest.raises(UsageError, match="was for staging, not for production"):
        recall(project, RUN, "production")
    with pytest.raises(UsageError, match="was for the hosts themselves"):
        recall(project, RUN, "staging", lab=True)


def test_the_hosts_are_wanted_what_the_run_wanted_of_them(project: Path) -> None:
    """Inventory, defaults, template and the role itself: all as they were, and what has changed is told with its line."""
    started = begun(project)
    change(project, HOSTS, "from the edge", "from nowhere")
    change(project, "roles/greeting/defaults.yml", "text: hello", "text: bye")
    change(project, "templates/greeting/motd", "say", "shout")
    change(project, "roles/greeting/steps.py", "/etc/motd", "/etc/issue")
    (project / "inventories/staging/more.yml").write_text("variables: {}\n")

    workspace = reopen(started, project)
    wanted = [batch_for(workspace, workspace.environment.host(name)).operations for name in ("web1", "web2")]

    assert wanted == [
        (File(path="/etc/motd", content="We say hello to web1"),),
        (File(path="/etc/motd", content="We say from the edge to web2"),),
    ]
    assert told(started, workspace) == (
        f"with the values of run {RUN}; changed since: {HOSTS}:7, inventories/staging/more.yml (new), "
        "roles/greeting/defaults.yml:2, roles/greeting/steps.py:8, templates/greeting/motd:1; "
        "for what is wanted now, run setup anew afterwards"
    )


def test_a_committed_secret_is_what_it_was_and_nothing_of_it_lies_in_the_open(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SOPS_AGE_KEY", "SOPS_AGE_KEY_FILE", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(project / "home"))
    environment = load_environment(project, "staging")
    secret_file.add_person(environment, "anna", "")
    secret_file.put(environment, "token", "the heron waits")
    started = begun(project)
    secret_file.put(environment, "token", "the otter swims")
    archive = project / ".windlass/resume" / f"{started.values}.tar.gz"

    workspace = reopen(started, project)

    assert workspace.secrets.get("token").reveal() == "the heron waits"
    assert [secret.reveal() for secret in workspace.known_secrets()] == ["the heron waits"]
    assert b"secrets.sops.yml" in (kept := gzip.decompress(archive.read_bytes()))
    assert b"heron" not in kept


def test_that_nothing_has_changed_is_said_too(project: Path) -> None:
    started = begun(project)

    assert told(started, reopen(started, project)) == f"with the values of run {RUN}; no file that they are in has changed since"


def test_an_inventory_that_is_broken_by_now_stands_in_nobody_s_way(project: Path) -> None:
    started = begun(project)
    (project / HOSTS).write_text("hosts: [\n")

    assert tuple(reopen(started, project).environment.hosts) == ("web1", "web2")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("127.0.0.2, port: 1", "127.0.0.3, port: 1", "web2 was at 127.0.0.2 port 1 .*; it is at 127.0.0.3 port 1 by now"),
        ("web2", "web3", "web2 was at 127.0.0.2 port 1 .*; it is gone from the inventory"),
    ],
    ids=["elsewhere", "gone"],
)
def test_a_host_that_is_not_where_it_was_is_left_alone(project: Path, old: str, new: str, said: str) -> None:
    """At the address of then there may be another one by now."""
    started = begun(project)
    change(project, HOSTS, old, new)

    with pytest.raises(UsageError, match=said):
        reopen(started, project)


def later(project: Path, run: str, environment: str = "staging", command: str = "invoke setup", **more: Any) -> None:
    """A run in the history that has changed web2."""
    books = HostBooks("web2", entries=[Entry("file /etc/motd", "changed", 0.1)])
    row = RunRow(run=run, task="setup", environment=environment, command=command, began=time.time(), **more)
    History(project / ".windlass").write(row, [books])


def test_what_a_later_run_has_done_is_not_taken_back(project: Path) -> None:
    started = begun(project)
    later(project, "20260101T000000-000000")  # an earlier one
    later(project, "20260103T000000-000001", "staging (lab)")
    later(project, "20260103T000000-000002", "production")
    later(project, "20260103T000000-000003", checked=True)
    later(project, "20260103T000000-000004", command=f"invoke setup --env staging --resume {RUN}")
    assert reopen(started, project).environment.name == "staging"
    assert reopen(begun_on(project, "web1"), project).environment.name == "staging"

    later(project, "20260103T000000-000005")

    with pytest.raises(UsageError, match=f"web2 was set up by run 20260103T000000-000005 since: going on with {RUN}"):
        reopen(started, project)
    assert reopen(begun_on(project, "web1"), project).environment.name == "staging"


def test_a_run_that_hosts_have_forgotten_is_not_begun_from_its_beginning(project: Path) -> None:
    started = begun(project)
    week = time.time() - 8 * 86400
    os.utime(project / ".windlass/resume" / f"{RUN}.json", (week, week))

    with pytest.raises(UsageError, match="began more than a week ago"):
        reopen(started, project)


def test_values_that_are_gone_or_damaged_are_told_and_nothing_is_guessed(project: Path) -> None:
    started = begun(project)
    archive = project / ".windlass/resume" / f"{started.values}.tar.gz"
    whole = archive.read_bytes()

    for damaged in (whole[: len(whole) // 2], whole[:-4] + b"abcd", b"", b"x"):
        archive.write_bytes(damaged)
        with pytest.raises(UsageError, match=f"what run {RUN} took its values from cannot be unpacked"):
            reopen(started, project)
    archive.write_bytes(whole)
    archive.chmod(0o666)
    with pytest.raises(UsageError, match="cannot be unpacked"):
        reopen(started, project)
    archive.unlink()
    with pytest.raises(UsageError, match=f"took its values from is gone .*{started.values}"):
        reopen(started, project)


def test_a_run_of_an_earlier_version_goes_on_with_the_values_of_today(project: Path) -> None:
    folder = project / ".windlass/resume"
    folder.mkdir(parents=True)
    (folder / f"{RUN}.json").write_text('{"environment": "staging", "hosts": ["web1"], "roles": []}\n')
    change(project, "templates/greeting/motd", "say", "shout")

    started = recall(project, RUN, "staging")
    workspace = reopen(started, project)

    assert batch_for(workspace, workspace.environment.host("web1")).operations[0].content == "We shout hello to web1"  # type: ignore[attr-defined]
    assert "were not kept: they are worked out anew" in told(started, workspace)


def test_a_record_that_was_torn_is_of_a_run_that_touched_nothing(project: Path) -> None:
    begun(project)
    record = project / ".windlass/resume" / f"{RUN}.json"

    for torn in ('{"environment": "stag', "", "[]", '{"environment": "staging"}'):
        record.write_text(torn)
        with pytest.raises(UsageError, match="broke off before it had touched a host"):
            recall(project, RUN, "staging")


def test_a_run_that_is_not_there_is_told_with_those_that_are(project: Path) -> None:
    with pytest.raises(UsageError, match="there is no run one"):
        recall(project, "one", "staging")
    for number in range(MOST + 5):
        remember(project, Started(f"run{number:03}", "staging", ("web1",)))

    with pytest.raises(UsageError, match="there is no run run004") as caught:
        recall(project, "run004", "staging")
    assert f"run{MOST + 4:03}" in caught.value.hint
    assert recall(project, "run005", "staging").hosts == ("web1",)


def test_a_run_that_is_gone_on_with_stays_as_it_was_begun(project: Path) -> None:
    started = begun(project, "web1")
    change(project, "templates/greeting/motd", "say", "shout")

    workspace = reopen(started, project)
    with Remembering(project, Started(RUN, "staging", ("web1",))) as again:
        again.want({"web1": batch_for(workspace, workspace.environment.host("web1"))}, workspace.secrets)

    assert (again.trouble, recall(project, RUN, "staging")) == ("", started)


def test_a_run_that_touched_no_host_is_forgotten(project: Path) -> None:
    def breaks() -> None:
        with Remembering(project, Started(RUN, "staging", ("web1",))):
            raise ValueError("a role")

    with pytest.raises(ValueError, match="a role"):
        breaks()

    with pytest.raises(UsageError, match="there is no run"):
        recall(project, RUN, "staging")


def test_what_cannot_be_written_down_is_said(project: Path) -> None:
    (project / ".windlass").write_text("in the way")

    with Remembering(project, Started(RUN, "staging", ("web1",))) as begun_:
        begun_.want({}, open_workspace(project, "staging").secrets)

    assert begun_.trouble == "Not a directory"


def test_a_run_that_cannot_be_remembered_is_done_all_the_same(project: Path) -> None:
    (project / ".windlass").mkdir()
    (project / ".windlass/resume").write_text("in the way")

    done = run_tasks(project, "setup", "--env", "staging")

    assert "warning: this run could not be gone on with by --resume: File exists" in done.stderr
    assert "cannot be reached" in done.stderr
    assert "or go on with this run" not in done.stderr


def test_the_command_goes_on_and_says_with_what(project: Path) -> None:
    """Nobody is at these addresses: it is the words that count."""
    first = json.loads(run_tasks(project, "setup", "--env", "staging", "--serial", "1", "--json").stdout)
    change(project, "templates/greeting/motd", "say", "shout")

    again = run_tasks(project, "setup", "--env", "staging", "--resume", first["run"])
    mixed = run_tasks(project, "setup", "--env", "staging", "--resume", first["run"], "--limit", "web1", "--json")
    other = run_tasks(project, "setup", "--env", "staging", "--resume", "20260101T000000-000000")

    assert f"or go on with this run: --resume {first['run']}" in first["error"]["hint"]
    assert f"with the values of run {first['run']}; changed since: templates/greeting/motd:1" in again.stderr
    assert again.returncode == 1
    assert [path.name for path in (project / ".windlass/resume").glob("*.*") if path.is_dir()] == []
    assert json.loads(mixed.stdout)["error"]["message"].startswith("--resume takes the hosts and roles of the run")
    assert (other.returncode, mixed.returncode) == (2, 2)
    assert f"the last ones: {first['run']}" in other.stderr
