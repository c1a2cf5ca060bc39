"""The system's own ssh as the way in, on real hosts: as strict as the other way, and warm for the next run."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.conftest import LabHosts, TestHost
from tests.lab.people import person
from tests.sshd import RESTART
from tests.waiting import until
from windlass import events
from windlass.errors import AgentFailed, ConnectionFailed
from windlass.hosts.by_openssh import openssh
from windlass.hosts.channel import Channel
from windlass.hosts.common.target import Target
from windlass.hosts.many.fleet import Fleet, errors_of
from windlass.operations.command import Run
from windlass.operations.file import File
from windlass.operations.operation import LocalFile
from windlass.operations.wire import Batch
from windlass.values import Secret

pytestmark = pytest.mark.lab
PASSWORD = Secret("the tulip sleeps")


@pytest.fixture(scope="module")
def hosts(lab_hosts: LabHosts) -> dict[str, TestHost]:
    made = lab_hosts("openssh", ["one", "two"])
    made["one"].shell(person("careful", PASSWORD, "careful ALL=(ALL) ALL"))
    return made


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the masters of one test listen; they go with it."""
    runtime = Path("/tmp") / f"wl{tmp_path.name[-12:]}"  # noqa: S108 - a socket's path must be short
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    yield runtime / "windlass"
    for socket in (runtime / "windlass").glob("*"):
        subprocess.run(["ssh", "-o", f"ControlPath={socket}", "-O", "exit", "any"], capture_output=True, check=False)
    subprocess.run(["rm", "-rf", str(runtime)], check=True)


def over_ssh(host: TestHost) -> Target:
    return dataclasses.replace(host.target, transport="openssh")


def logins(host: TestHost) -> int:
    return int(host.shell("journalctl -u ssh --no-pager -q | grep -c 'Accepted publickey' || true"))


def does(target: Target) -> str:
    channel = Channel(target)
    try:
        (result,) = channel.run(Batch((Run(command="id -un; echo $SUDO_USER"),)))
    finally:
        channel.close()
    return " ".join(str(result.data["output"]).split())


def test_the_next_run_comes_over_the_connection_of_the_last_and_a_login_of_its_own_does_not(
    hosts: dict[str, TestHost], folder: Path
) -> None:
    one = hosts["one"]
    before = logins(one)

    first, second = does(over_ssh(one)), does(over_ssh(one))
    warm = logins(one) - before
    fresh = does(dataclasses.replace(over_ssh(one), warm_seconds=0))

    assert {first, second, fresh} == {"root"}
    assert (warm, logins(one) - before) == (1, 2)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_files_travel_both_ways_and_what_is_right_costs_one_round_trip(
    hosts: dict[str, TestHost], folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "large").write_bytes(bytes(range(256)) * 20_000)
    channel = Channel(over_ssh(hosts["one"]))
    operation = File(path="/srv/large", content=LocalFile.of(tmp_path / "large"))

    statuses = [channel.run(Batch((operation,)))[0].status for _ in range(2)]
    channel.close()

    assert statuses == ["changed", "ok"]
    assert channel.round_trips == 3
    assert hosts["one"].shell("sha256sum /srv/large").split()[0] == LocalFile.whole(tmp_path / "large").checksum


def test_sudo_gets_its_password_and_a_wrong_one_is_tried_once(hosts: dict[str, TestHost], folder: Path) -> None:
    careful = dataclasses.replace(over_ssh(hosts["one"]), user="careful", sudo_password=PASSWORD)

    assert does(careful) == "root"
    with pytest.raises(AgentFailed, match="did not take the password"):
        does(dataclasses.replace(careful, sudo_password=Secret("a guess")))


def test_an_unknown_key_is_refused_unless_new_ones_are_wanted_and_another_one_always(
    hosts: dict[str, TestHost], folder: Path, tmp_path: Path
) -> None:
    one, known = over_ssh(hosts["one"]), tmp_path / "known_hosts"
    empty = dataclasses.replace(one, known_hosts=known)
    known.touch()

    with pytest.raises(ConnectionFailed, match="nobody knows yet") as unknown:
        does(empty)
    accepted = does(dataclasses.replace(empty, accept_new=True))
    stored = known.read_text()
    other = subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "other")], check=True, capture_output=True
    )
    known.write_text(f"{one.address} {(tmp_path / 'other.pub').read_text()}")
    with pytest.raises(ConnectionFailed, match="another host key than before"):
        does(dataclasses.replace(empty, accept_new=True, warm_seconds=0))

    assert other.returncode == 0
    assert "--accept-new" in unknown.value.hint
    assert accepted == "root"
    assert stored.count("ssh-ed25519") == 1


def test_who_is_not_let_in_and_who_is_not_there_are_told_apart(hosts: dict[str, TestHost], folder: Path, tmp_path: Path) -> None:
    one = over_ssh(hosts["one"])
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "mine")], check=True)

    with pytest.raises(ConnectionFailed, match="does not let us in"):
        does(dataclasses.replace(one, private_key=tmp_path / "mine"))
    with pytest.raises(ConnectionFailed, match=r"cannot be reached: .*refused"):
        does(dataclasses.replace(one, port=4))


def test_the_way_through_another_host_asks_for_its_key_as_well(hosts: dict[str, TestHost], folder: Path, tmp_path: Path) -> None:
    one, two = over_ssh(hosts["one"]), over_ssh(hosts["two"])
    (tmp_path / "known_hosts").touch()

    assert does(dataclasses.replace(two, jump=one)) == "root"
    with pytest.raises(ConnectionFailed):
        does(dataclasses.replace(two, jump=dataclasses.replace(one, known_hosts=tmp_path / "known_hosts"), warm_seconds=0))


def test_a_jump_host_that_lets_in_two_at_once_serves_eight(hosts: dict[str, TestHost], folder: Path) -> None:
    """Without a master that they could share: each comes by a login of its own."""
    one, two = (dataclasses.replace(over_ssh(host), warm_seconds=0, connect_seconds=60) for host in hosts.values())
    narrow = f"printf 'MaxStartups 2\nMaxSessions 1\n' > /etc/ssh/sshd_config.d/narrow.conf; {RESTART}"
    hosts["one"].shell(narrow)
    try:
        with Fleet([dataclasses.replace(two, name=f"two-{number}", jump=one) for number in range(8)]) as fleet:
            outcomes = fleet.connect()
            assert errors_of(outcomes) == {}
    finally:
        hosts["one"].shell(f"rm /etc/ssh/sshd_config.d/narrow.conf; {RESTART}")


def test_a_folder_that_others_may_enter_holds_no_master(hosts: dict[str, TestHost], folder: Path) -> None:
    folder.mkdir(mode=0o755)

    with pytest.raises(ConnectionFailed, match="not this user's alone"):
        does(over_ssh(hosts["one"]))


def test_an_environment_says_which_way_its_hosts_are_reached(hosts: dict[str, TestHost], folder: Path, tmp_path: Path) -> None:
    one = hosts["one"].target
    inventory = tmp_path / "inventories" / "there"
    inventory.mkdir(parents=True)
    (inventory / "hosts.yml").write_text(
        f"environment: {{user: deploy, transport: openssh, known_hosts: known}}\nhosts: {{one: {{address: {one.address}}}}}\n"
    )
    (tmp_path / "known").write_text(one.known_hosts.read_text() if one.known_hosts else "")
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(tmp_path / "agent")], stdout=subprocess.DEVNULL)
    while not (tmp_path / "agent").exists():
        time.sleep(0.01)
    surroundings = {"PATH": "/usr/bin:/bin", "SSH_AUTH_SOCK": str(tmp_path / "agent"), "XDG_RUNTIME_DIR": str(folder.parent)}
    subprocess.run(["ssh-add", "-q", str(one.private_key)], check=True, env=surroundings)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "windlass.tasks.program", "setup", "--env", "there", "--json"],
            cwd=tmp_path,
            env={**surroundings, "HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        agent.terminate()
        agent.wait(60)

    assert json.loads(done.stdout)["exit_code"] == 0, done.stdout
    assert len(list(openssh.sockets_folder().iterdir())) == 1


@pytest.mark.parametrize("transport", ["paramiko", "openssh"])
def test_the_same_command_calls_its_hosts_before_it_has_read_anything(
    hosts: dict[str, TestHost], folder: Path, tmp_path: Path, transport: str
) -> None:
    one = hosts["one"]
    _project(tmp_path, one, transport)

    first = _setup_there(tmp_path, folder)
    before = logins(one)
    second = _setup_there(tmp_path, folder)
    once = logins(one) - before
    (tmp_path / "roles" / "odd" / "settings.py").write_text("1 / 0\n")
    faulty = _setup_there(tmp_path, folder)

    assert (first["exit_code"], second["exit_code"], once) == (0, 0, 1)
    assert faulty["exit_code"] == 2, faulty
    until(lambda: logins(one) - before == 2)  # it logged in although there was nothing to be done,
    until(lambda: "windlass" not in one.shell("ps -eo args | grep -v grep | grep 'windlass for' || true"))  # and let the host alone


def _project(folder: Path, host: TestHost, transport: str) -> None:
    """An environment with this host, and a role that wants nothing of it."""
    (folder / "inventories" / "there").mkdir(parents=True)
    (folder / "roles" / "odd").mkdir(parents=True)
    (folder / "roles" / "odd" / "defaults.yml").write_text("")
    (folder / "roles" / "odd" / "settings.py").write_text("from pydantic import BaseModel\n\n\nclass Settings(BaseModel): ...\n")
    (folder / "roles" / "odd" / "steps.py").write_text("def steps(host, settings):\n    return ()\n")
    (folder / "known").write_text(host.target.known_hosts.read_text() if host.target.known_hosts else "")
    (folder / "inventories" / "there" / "hosts.yml").write_text(
        f"environment: {{user: deploy, transport: {transport}, known_hosts: known, private_key: {host.target.private_key}, "
        f"warm_seconds: 0}}\nhosts: {{one: {{address: {host.target.address}}}}}\ngroups: {{all: {{roles: [odd]}}}}\n"
    )


def _setup_there(project: Path, folder: Path) -> dict[str, Any]:
    surroundings = {"PATH": "/usr/bin:/bin", "HOME": str(project), "XDG_RUNTIME_DIR": str(folder.parent)}
    done = subprocess.run(
        [sys.executable, "-m", "windlass.tasks.program", "setup", "--env", "there", "--json"],
        cwd=project,
        env={**surroundings, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_an_operation_outlives_the_connection_that_ssh_kept(hosts: dict[str, TestHost], folder: Path) -> None:
    one = hosts["one"]
    told: list[events.Event] = []
    channel = Channel(over_ssh(one), listener=told.append)
    kill = "until test -s /srv/ran; do sleep 0.1; done; pkill -KILL -f '^sshd: deploy'; touch /srv/killed"
    one.shell(f"rm -f /srv/ran /srv/killed; ({kill}) >/dev/null 2>&1 &")

    (result,) = channel.run(Batch((Run(command="echo ran >> /srv/ran; until test -e /srv/killed; do sleep 0.1; done; echo done"),)))
    channel.close()

    assert result.data["output"] == "done\n"
    assert one.shell("cat /srv/ran").split() == ["ran"]
    assert any("attached again" in event.text for event in told if isinstance(event, events.Note))
