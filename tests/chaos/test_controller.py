"""The controller ends in the middle: killed, or stopped with Ctrl-C once and twice. `setup --resume` does what is not done."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.chaos.conftest import agents, let_go, lines, until_they_wait
from tests.chaos.controllers import Invoke, run_of
from tests.lab.conftest import TestHost
from tests.unit.sample_project import REPOSITORY
from tests.waiting import until
from windlass.hosts.channel import Channel
from windlass.operations.lease import Lease
from windlass.operations.wire import Batch

pytestmark = pytest.mark.lab

WAYS_BACK = "ls /run/windlass/lines"  # of agents that still wait for their controller

ways = pytest.mark.parametrize("words", [(), ("--workers", "2")], ids=["one process", "two workers"])


def left_of(process: subprocess.Popen[str]) -> list[str]:
    """The command lines of the processes that a command has started and that still live; each is in its session."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _parent, _group, session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
            if int(session) == process.pid and state != "Z":
                found.append((folder / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def until_told_to_end(hosts: dict[str, TestHost]) -> None:
    """Until each agent has read something three times: an interrupted controller tells it twice a second, and pings every five."""
    ask = "cat $(pgrep -f '^[^ ]*python3 .*windlass for' | sed 's,.*,/proc/&/io,') | grep ^rchar"
    for host in hosts.values():
        for _time in range(3):
            before = host.shell(ask)
            until(lambda host=host, before=before: host.shell(ask) != before)  # type: ignore[misc]


def until_told(process: subprocess.Popen[str], words: list[str]) -> None:
    """Read what a command tells until all of these words have been in it."""
    assert process.stderr
    told, left = "", set(words)
    while left:
        line = process.stderr.readline()
        told += line
        assert line, f"it ended before it told of {left}: {told}"
        left -= {each for each in left if each in line}


@ways
def test_a_killed_controller_s_run_is_gone_on_with(
    words: tuple[str, ...], hosts: dict[str, TestHost], invoke: Invoke, tmp_path: Path
) -> None:
    """The hosts finish the operation under way and begin no other; the run is gone on with at once, and nothing runs twice.

    What was changed meanwhile is not for this run: its values and its template are those that it was begun with.

    Only the command itself is killed: its workers notice, and go.
    """
    process = invoke(*words)
    until_they_wait(hosts)
    process.kill()
    process.communicate()
    until(lambda: left_of(process) == [])
    let_go(hosts)
    inventory, template = tmp_path / "inventories/staging/hosts.yml", tmp_path / "templates/greeting/motd"
    inventory.write_text(inventory.read_text().replace("text: old", "text: new"))
    template.write_text("They say @")

    resumed = invoke("--resume", run_of(tmp_path))
    output, errors = resumed.communicate(timeout=300)

    assert resumed.returncode == 0, errors
    assert re.search(r"changed since: inventories/staging/hosts.yml:\d+, templates/greeting/motd:1; ", errors)
    assert all(host.shell("cat /root/chaos/before /root/chaos/after") == "We say oldWe say old" for host in hosts.values())
    assert [lines(host, "ran") for host in hosts.values()] == [["one", "two", "three"]] * 2
    assert "operations changed on broken, other" in output
    until(lambda: not any(agents(host) for host in hosts.values()))
    anew = invoke(*words)
    anew.communicate(timeout=300)
    assert anew.returncode == 0
    assert all(host.shell("cat /root/chaos/before /root/chaos/after") == "They say newThey say new" for host in hosts.values())


@ways
def test_ctrl_c_ends_the_step_under_way_and_the_rest_can_be_done_later(
    words: tuple[str, ...], hosts: dict[str, TestHost], invoke: Invoke, tmp_path: Path
) -> None:
    """What runs is finished, the rest is skipped, exit code 130; later the run is gone on with. A terminal tells all processes."""
    process = invoke(*words)
    until_they_wait(hosts)
    os.killpg(process.pid, signal.SIGINT)
    until_told(process, ["Ctrl-C again"])
    until_told_to_end(hosts)
    let_go(hosts)
    _output, errors = process.communicate(timeout=300)

    assert process.returncode == 130
    assert "interrupted: what was done stays done" in errors
    assert "the same command again goes on where this one stopped" in errors
    until(lambda: left_of(process) == [])
    assert [lines(host, "ran") for host in hosts.values()] == [["one", "two"]] * 2
    resumed = invoke("--resume", run_of(tmp_path))
    _output, errors = resumed.communicate(timeout=300)
    assert resumed.returncode == 0, errors
    assert [lines(host, "ran") for host in hosts.values()] == [["one", "two", "three"]] * 2


@ways
def test_ctrl_c_twice_leaves_at_once_and_leaves_no_agent(
    words: tuple[str, ...], hosts: dict[str, TestHost], invoke: Invoke
) -> None:
    """The command ends although the hosts are still at it; they finish that, begin nothing more, and their agents end.

    What a host has just done it tells a moment later, and it takes one for a goodbye to arrive.
    """
    process = invoke(*words)
    until_told(process, [f"[{name}] changed: " for name in hosts])
    until_they_wait(hosts)
    os.killpg(process.pid, signal.SIGINT)
    until_told(process, ["Ctrl-C again"])
    os.killpg(process.pid, signal.SIGINT)
    _output, errors = process.communicate(timeout=300)

    assert process.returncode == 130
    for name in hosts:
        assert f"{name} was at: " in errors
    until(lambda: left_of(process) == [])
    until(lambda: not any(host.shell(WAYS_BACK) for host in hosts.values()))
    let_go(hosts)

    until(lambda: not any(agents(host) for host in hosts.values()))
    assert [lines(host, "ran") for host in hosts.values()] == [["one", "two"]] * 2


def test_a_run_of_which_something_else_comes_out_is_not_gone_on_with(
    hosts: dict[str, TestHost], invoke: Invoke, tmp_path: Path
) -> None:
    """What comes from elsewhere in the project is not kept. A host that the run had not begun knows nothing of it, and gets nothing
    else either: it is said what is another one, no host is touched, and put back as it was the run is gone on with."""
    process = invoke("--serial", "1")
    until_they_wait({"broken": hosts["broken"]})
    process.kill()
    process.communicate()
    until(lambda: left_of(process) == [])
    let_go(hosts)
    (tmp_path / "last").write_text("four")

    refused = invoke("--resume", run_of(tmp_path))
    _output, errors = refused.communicate(timeout=300)

    assert refused.returncode == 2
    assert re.search(r"run \S+ is not gone on with: something else would be wanted.*\n.*echo four.*on broken, other\n", errors)
    assert "run setup anew, without --resume" in errors
    assert lines(hosts["other"], "ran") == []
    (tmp_path / "last").write_text("three")
    resumed = invoke("--resume", run_of(tmp_path))
    _output, errors = resumed.communicate(timeout=300)
    assert resumed.returncode == 0, errors
    assert [lines(host, "ran") for host in hosts.values()] == [["one", "two", "three"], ["one", "three"]]  # the other need not wait


def told(tmp_path: Path, run: str) -> dict[str, list[tuple[str, ...]]]:
    """What a run's event log says of each host, without what differs from run to run."""
    by_host: dict[str, list[tuple[str, ...]]] = {}
    for line in (tmp_path / f".windlass/runs/{run}/events.jsonl").read_text().splitlines():
        event = json.loads(line)
        if event.get("host"):
            said = tuple(str(event.get(name, "")) for name in ("event", "operation", "status", "summary", "diff"))
            by_host.setdefault(event["host"], []).append(said)
    return by_host


def test_workers_tell_of_each_host_what_one_process_tells(hosts: dict[str, TestHost], invoke: Invoke, tmp_path: Path) -> None:
    """Also where one host fails: the same events in the same order, the same exit code, the same end."""
    outcomes = []
    for words in ((), ("--workers", "2")):
        hosts["other"].shell("rm -rf /root/chaos; mkdir /root/chaos; touch /root/chaos/go")
        hosts["broken"].shell("rm -rf /root/chaos; touch /root/chaos")
        process = invoke("--json", *words)
        document = json.loads(process.communicate(timeout=300)[0])
        states = {name: host["state"] for name, host in document["hosts"].items()}
        outcomes.append((process.returncode, document["error"]["message"], states, told(tmp_path, document["run"])))
    hosts["broken"].shell("rm /root/chaos")

    alone, shared = outcomes
    assert shared == alone
    assert alone[0] == 3


HOLDER = """
import sys, time
from pathlib import Path
from windlass.hosts.channel import Channel
from windlass.hosts.common.target import Target
from windlass.operations.lease import Lease
from windlass.operations.wire import Batch
name, address, user, key, known = sys.argv[1:]
target = Target(name=name, address=address, user=user, private_key=Path(key), known_hosts=Path(known), grace_seconds=900.0)
Channel(target).run(Batch((Lease(name="chaos", holder="ada", purpose="a drill"),)))
print("held", flush=True)
time.sleep(600)
"""


def test_the_lock_of_a_dead_controller_is_had_at_once(hosts: dict[str, TestHost]) -> None:
    """Its agent would keep it for a quarter of an hour in case the line comes back; a later run here knows that it will not."""
    target = hosts["broken"].target
    words = [target.name, target.address, target.user, str(target.private_key), str(target.known_hosts)]
    with subprocess.Popen([sys.executable, "-c", HOLDER, *words], stdout=subprocess.PIPE, cwd=REPOSITORY) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        holder.kill()
    began = time.monotonic()

    channel = Channel(target)
    channel.run(Batch((Lease(name="chaos", holder="grace", purpose="the next"),)))
    channel.close()

    assert time.monotonic() - began < 600
