"""The way in, on real hosts: keys that are wrong, unknown or new; sudo with and without a password; jump hosts; noise; silence."""

from __future__ import annotations

import dataclasses
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import paramiko
import pytest

from tests.lab.conftest import LabHosts, TestHost
from tests.lab.people import person, project_for
from tests.sshd import RESTART
from tests.unit.sample_project import REPOSITORY, surroundings
from windlass import events, lab
from windlass.errors import AgentFailed, ConnectionFailed
from windlass.hosts import line
from windlass.hosts.by_paramiko import connection as connections
from windlass.hosts.by_paramiko import detours
from windlass.hosts.channel import Channel
from windlass.hosts.common import sockets
from windlass.hosts.common.target import Target
from windlass.hosts.many import fleet
from windlass.hosts.many.fleet import Fleet, errors_of
from windlass.operations.command import Run
from windlass.operations.file import File
from windlass.operations.operation import LocalFile
from windlass.operations.wire import Batch
from windlass.values import Secret

pytestmark = pytest.mark.lab

PASSWORD = Secret("the tulip sleeps")
TELLING = f"""\
from windlass.operations.file import File


def steps(host, settings):
    return [File(path="/etc/telling", content="root says {PASSWORD.reveal()}", owner="root")]
"""
USERS = person("careful", PASSWORD, "careful ALL=(ALL) ALL", "Defaults:careful use_pty") + person("guest", PASSWORD)


@pytest.fixture(scope="module")
def hosts(lab_hosts: LabHosts) -> dict[str, TestHost]:
    made = lab_hosts("connection", ["one", "two"])
    made["one"].shell(USERS)
    made["two"].shell(f"printf 'Port 22\\nPort 2222\\nMaxStartups 100\\n' > /etc/ssh/sshd_config.d/test.conf; {RESTART}")
    return made


@pytest.fixture(scope="module")
def one(hosts: dict[str, TestHost]) -> Target:
    return hosts["one"].target


@pytest.fixture(scope="module")
def two(hosts: dict[str, TestHost]) -> Target:
    return hosts["two"].target


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patience as it is, only shorter; on a busy machine a host may need seconds for its first word, too."""
    monkeypatch.setattr(line, "SILENCE_LIMIT", 8.0)
    monkeypatch.setattr(detours, "SILENCE_LIMIT", 8.0)
    monkeypatch.setattr(sockets, "SILENCE_LIMIT", 8.0)
    monkeypatch.setattr(fleet, "PING_EVERY", 0.5)


def said(target: Target, command: str = "id -un") -> str:
    channel = Channel(target)
    try:
        (result,) = channel.run(Batch((Run(command=command, changed=False),)))
        return str(result.data["output"]).strip()
    finally:
        channel.close()


def another_key() -> str:
    key = paramiko.RSAKey.generate(1024)
    return f"{key.get_name()} {key.get_base64()}"


def lines_for(target: Target) -> list[str]:
    """The lines of the lab's known hosts that are for one host."""
    assert target.known_hosts
    return [line for line in target.known_hosts.read_text().splitlines() if target.address in line.split()[0]]


def test_another_key_than_before_is_refused_even_with_accept_new(one: Target, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    known.write_text(f"{one.address} {another_key()}\n")

    for accept in (False, True):
        with pytest.raises(ConnectionFailed, match="shows another host key than before") as caught:
            said(dataclasses.replace(one, known_hosts=known, accept_new=accept))

    assert str(known) in caught.value.hint
    assert len(known.read_text().splitlines()) == 1


@pytest.mark.parametrize("accept", [False, True])
def test_a_key_that_is_marked_as_revoked_is_refused_whoever_else_knows_it(one: Target, *, accept: bool, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    known.write_text("".join(f"{line}\n@revoked * {line.partition(' ')[2]}\n" for line in lines_for(one)))

    with pytest.raises(ConnectionFailed, match="marked as @revoked"):
        said(dataclasses.replace(one, known_hosts=known, accept_new=accept))


def test_an_unknown_key_is_refused_and_the_hint_says_how_to_go_on(one: Target, tmp_path: Path) -> None:
    with pytest.raises(ConnectionFailed, match="shows a host key that nobody knows yet") as caught:
        said(dataclasses.replace(one, known_hosts=tmp_path / "none"))

    (line,) = (line for line in lines_for(one) if " ssh-ed25519 " in line)
    told = subprocess.run(["ssh-keygen", "-lf", "-"], input=line, capture_output=True, text=True, check=True).stdout
    assert told.split()[1] in caught.value.message
    assert caught.value.hint.startswith("`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the host")
    assert "--accept-new" in caught.value.hint
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("port", [22, 2222])
def test_a_new_key_is_written_as_openssh_reads_it(two: Target, port: int, tmp_path: Path) -> None:
    known = tmp_path / "folder" / "known_hosts"
    known.parent.mkdir()
    known.write_text(f"192.0.2.1 {another_key()}")  # no line feed at its end
    new = dataclasses.replace(two, known_hosts=known, port=port, accept_new=True)

    said(new)
    name = two.address if port == 22 else f"[{two.address}]:{port}"
    found = subprocess.run(["ssh-keygen", "-F", name, "-f", known], capture_output=True, text=True, check=False).stdout

    assert name in found
    assert len(known.read_text().splitlines()) == 2
    assert said(dataclasses.replace(new, accept_new=False)) == "root"


def test_a_new_key_that_cannot_be_written_down_is_not_believed(one: Target, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    nowhere = tmp_path / "file" / "known_hosts"

    with pytest.raises(ConnectionFailed, match=f"shows a host key that cannot be written into {nowhere}: ") as caught:
        said(dataclasses.replace(one, known_hosts=nowhere, accept_new=True))

    assert "`known_hosts` of the environment" in caught.value.hint


def test_hashed_known_hosts_are_read(one: Target, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    known.write_text("".join(f"{line}\n" for line in lines_for(one)))
    subprocess.run(["ssh-keygen", "-H", "-f", known], capture_output=True, check=True)

    assert one.address not in known.read_text()
    assert said(dataclasses.replace(one, known_hosts=known)) == "root"


def test_a_host_that_does_not_know_our_key_says_so(one: Target) -> None:
    with pytest.raises(ConnectionFailed, match="does not let us in") as caught:
        said(dataclasses.replace(one, user="nobody"))

    assert caught.value.host == "one"


def test_sudo_gets_its_password(one: Target) -> None:
    careful = dataclasses.replace(one, user="careful", sudo_password=PASSWORD)

    assert said(careful) == "root"
    assert said(dataclasses.replace(careful, user="deploy")) == "root"  # whom sudo does not ask


def test_a_wrong_sudo_password_is_tried_once(one: Target, hosts: dict[str, TestHost]) -> None:
    before = hosts["one"].shell("journalctl -o cat -t sudo | grep -c 'password attempt' || true")

    with pytest.raises(AgentFailed, match="did not take the password on one") as caught:
        said(dataclasses.replace(one, user="careful", sudo_password=Secret("the rose sleeps")))
    attempts = hosts["one"].shell(
        f"while test $(journalctl -o cat -t sudo | grep -c 'password attempt') -le {before.strip()}; do sleep 0.1; done; "
        "journalctl -o cat -t sudo | grep 'password attempt' | tail -1"
    )

    assert "once" in caught.value.hint
    assert "1 incorrect password attempt" in attempts


def test_sudo_that_asks_without_a_password_at_hand_says_what_to_give(one: Target) -> None:
    with pytest.raises(AgentFailed, match="does not let careful become root") as caught:
        said(dataclasses.replace(one, user="careful"))

    assert "--ask-sudo-password" in caught.value.hint
    assert "password is required" in "".join(caught.value.last_lines)


def test_the_sudo_password_is_asked_for_and_never_shown(one: Target, tmp_path: Path) -> None:
    project = project_for(tmp_path, dataclasses.replace(one, user="careful"))
    (project / "roles/greeting/steps.py").write_text(TELLING)
    words = ["setup", "--env", "staging", "--limit", "web1", "--diff", "--ask-sudo-password"]
    command = [sys.executable, "-m", "invoke", "--search-root", str(REPOSITORY), *words]

    given = f"{PASSWORD.reveal()}\n"
    done = subprocess.run(
        command, cwd=project, env=surroundings(project), input=given, capture_output=True, text=True, timeout=120, check=False
    )
    nothing = subprocess.run(
        command, cwd=project, env=surroundings(project), input="", capture_output=True, text=True, timeout=120, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "+root says •••" in done.stdout
    assert PASSWORD.reveal() not in done.stdout + done.stderr
    assert nothing.returncode == 2
    assert "no sudo password was given" in nothing.stderr


def test_a_user_without_sudo_rights_is_told_so_and_not_asked_for_a_password_again(one: Target) -> None:
    with pytest.raises(AgentFailed, match="does not let guest become root") as caught:
        said(dataclasses.replace(one, user="guest", sudo_password=PASSWORD))

    assert "not in the sudoers file" in "".join(caught.value.last_lines)
    assert "--ask-sudo-password" not in caught.value.hint
    assert PASSWORD.reveal() not in repr(caught.value.last_lines)


def test_a_noisy_login_is_not_taken_for_frames(one: Target, hosts: dict[str, TestHost]) -> None:
    hosts["one"].shell("printf 'echo welcome\\nhead -c 20000 /dev/zero\\necho oops >&2\\n' > /home/guest/.bashrc")

    assert said(dataclasses.replace(one, user="guest", sudo=False)) == "guest"


def test_a_host_without_python_says_what_to_install(two: Target, hosts: dict[str, TestHost]) -> None:
    hosts["two"].shell("mv /usr/bin/python3 /usr/bin/python3.away")
    try:
        with pytest.raises(AgentFailed, match="two has no Python") as caught:
            said(two)
    finally:
        hosts["two"].shell("mv /usr/bin/python3.away /usr/bin/python3")

    assert "apt-get install python3" in caught.value.hint


def test_a_host_where_a_file_has_taken_the_place_of_the_null_device_says_how_to_make_it_again(
    two: Target, hosts: dict[str, TestHost]
) -> None:
    hosts["two"].shell("cd /dev; mv null null.away; (umask 077; : > null)")
    try:
        with pytest.raises(AgentFailed, match="may not write to /dev/null on two") as caught:
            said(two)
    finally:
        hosts["two"].shell("cd /dev; mv null.away null")

    assert "mknod -m 666 /dev/null c 1 3" in caught.value.hint


def test_a_jump_host_leads_there_and_is_hung_up_with_the_rest(one: Target, two: Target, hosts: dict[str, TestHost]) -> None:
    assert said(dataclasses.replace(two, jump=one), "echo $SSH_CONNECTION; hostname").endswith("two")

    logins = "ss -Htn state established sport = :22 | wc -l"
    hosts["one"].shell(f"for try in $(seq 600); do test $({logins}) = 0 && exit; sleep 0.1; done; {logins}; exit 1")


def test_a_jump_host_that_cannot_be_reached_is_named(one: Target, two: Target, tmp_path: Path) -> None:
    closed = dataclasses.replace(one, name="gate", port=9)
    other = dataclasses.replace(one, known_hosts=tmp_path / "known")
    (tmp_path / "known").write_text(f"{one.address} {another_key()}\n")

    with pytest.raises(ConnectionFailed, match=r"gate \(.*:9\), the way to two, cannot be reached") as caught:
        said(dataclasses.replace(two, jump=closed))
    with pytest.raises(ConnectionFailed, match=r"one .*, the way to two, shows another host key") as changed:
        said(dataclasses.replace(two, jump=other))

    assert (caught.value.host, changed.value.host) == ("two", "two")


@pytest.mark.parametrize("transport", ["paramiko", "openssh"])
def test_a_jump_host_that_lets_nobody_through_and_one_that_finds_nobody_say_so(
    transport: str, one: Target, two: Target, hosts: dict[str, TestHost]
) -> None:
    behind = dataclasses.replace(two, transport=transport, warm_seconds=0, jump=dataclasses.replace(one, warm_seconds=0))
    with pytest.raises(ConnectionFailed, match=r"two \(.*:9\) cannot be reached: its jump host .*finds nobody there") as nobody:
        said(dataclasses.replace(behind, port=9))
    hosts["one"].shell(f"echo AllowTcpForwarding no > /etc/ssh/sshd_config.d/narrow.conf; {RESTART}")
    try:
        with pytest.raises(ConnectionFailed, match=r"two \(.*:22\) cannot be reached: its jump host .*lets nobody through") as shut:
            said(behind)
    finally:
        hosts["one"].shell(f"rm /etc/ssh/sshd_config.d/narrow.conf; {RESTART}")

    assert "check that the host is up" in nobody.value.hint
    assert "AllowTcpForwarding local" in shut.value.hint


def test_many_hosts_behind_one_jump_host_do_not_trip_its_limit_of_logins(one: Target, two: Target) -> None:
    many = [dataclasses.replace(two, name=f"two-{number}", jump=one) for number in range(24)]

    with Fleet(many) as all_of_them:
        outcomes = all_of_them.connect()

    assert errors_of(outcomes) == {}


def test_an_sshd_that_lets_in_two_at_once_serves_twelve_behind_it_and_six_of_its_own(
    one: Target, two: Target, hosts: dict[str, TestHost], home: Callable[[str], None], capfd: pytest.CaptureFixture[str]
) -> None:
    way = f"ssh -F none -i {one.private_key} -o UserKnownHostsFile={one.known_hosts} -W %h:%p {one.user}@{one.address}"
    home(f"Host {two.address}\n ProxyCommand {way}\n")
    narrow = f"printf 'MaxStartups 2\nMaxSessions 1\n' > /etc/ssh/sshd_config.d/narrow.conf; {RESTART}"
    hosts["one"].shell(narrow)
    behind = [dataclasses.replace(two, name=f"two-{number}", jump=one) for number in range(12)]
    by_command = [dataclasses.replace(two, name=f"two-{number}", connect_seconds=60.0) for number in range(12)]
    straight = [dataclasses.replace(one, name=f"one-{number}", connect_seconds=60.0) for number in range(6)]
    try:
        for many in (behind, by_command, straight):
            with Fleet(many) as all_of_them:
                assert errors_of(all_of_them.connect()) == {}
    finally:
        hosts["one"].shell(f"rm /etc/ssh/sshd_config.d/narrow.conf; {RESTART}")

    assert capfd.readouterr().err == ""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """`home(text)` makes the text the user's ssh_config."""
    (tmp_path / ".ssh").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))

    def write(text: str) -> None:
        (tmp_path / ".ssh" / "config").write_text(text)
        connections._fabric_config.cache_clear()

    yield write
    connections._fabric_config.cache_clear()


def test_a_key_that_only_the_ssh_agent_holds_lets_us_in(
    one: Target, home: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home("")
    keyless = dataclasses.replace(one, private_key=None)
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with pytest.raises(ConnectionFailed, match="No authentication methods") as caught:
        said(keyless)
    assert "ssh-add" in caught.value.hint

    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    with subprocess.Popen(["ssh-agent", "-D", "-a", tmp_path / "agent"], stdout=subprocess.PIPE) as agent:
        try:
            assert agent.stdout
            agent.stdout.readline()  # it listens
            assert one.private_key
            subprocess.run(["ssh-add", "-q", one.private_key], check=True)
            assert said(keyless) == "root"
        finally:
            agent.terminate()


def test_the_user_s_ssh_config_is_honoured_and_its_jump_hosts_keys_are_checked(
    one: Target, two: Target, home: Callable[[str], None], tmp_path: Path
) -> None:
    way = f"Host inner\n HostName {two.address}\n User deploy\n Port 2222\n ProxyJump deploy@{one.address}\n"
    home(f"{way}Host *\n IdentityFile {two.private_key}\n")
    known = tmp_path / "known_hosts"
    theirs = "".join(f"[{two.address}]:2222 {line.split(' ', 1)[1]}\n" for line in lines_for(two))
    inner = Target(name="inner", address="inner", known_hosts=known)

    known.write_text(theirs)
    with pytest.raises(ConnectionFailed, match=f"@{one.address}:22.*the way to inner, shows a host key that nobody knows"):
        said(inner)
    known.write_text(theirs + "".join(f"{line}\n" for line in lines_for(one)))

    assert said(inner, "hostname") == "two"


def test_nothing_waits_in_the_kernel_for_more_to_send(one: Target, two: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    tuned: list[Any] = []
    real = socket.socket.setsockopt

    class Watched(socket.socket):
        def setsockopt(self, *arguments: Any) -> None:
            tuned.append(arguments)
            real(self, *arguments)

    monkeypatch.setattr(socket, "socket", Watched)
    said(dataclasses.replace(two, jump=one))

    assert (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1) in tuned
    assert (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 30_000) in tuned


def test_a_cut_link_is_noticed_and_the_others_go_on(hosts: dict[str, TestHost], short: None) -> None:
    def told(event: events.Event) -> None:
        if isinstance(event, events.OperationStarted) and event.host == "two":
            lab.cut_link(hosts["two"].machine)

    long = Run(command="sleep 7; echo done")
    try:
        targets = [dataclasses.replace(each.target, grace_seconds=12.0) for each in hosts.values()]
        with Fleet(targets, told) as both:
            both.connect()
            outcomes = both.run_same(hosts, (long,))
    finally:
        lab.mend_link(hosts["two"].machine)

    assert "has said nothing for 8 s" in errors_of(outcomes)["two"].message
    assert list(errors_of(outcomes)) == ["two"]


@pytest.mark.parametrize("way", ["direct", "through a jump host"])
def test_sending_to_a_host_that_hangs_ends(
    way: str, one: Target, two: Target, hosts: dict[str, TestHost], short: None, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(1 << 20) * 40)
    content = LocalFile.of(source)
    hung = threading.Event()

    def told(event: events.Event) -> None:
        if isinstance(event, events.OperationStarted):
            (lab.freeze if way != "direct" else lab.cut_link)(hosts["two"].machine)
            hung.set()

    two = dataclasses.replace(two, grace_seconds=12.0)
    channel = Channel(two if way == "direct" else dataclasses.replace(two, jump=one), told)
    operation = File(path="/root/copy", content=content)
    with ThreadPoolExecutor(1) as pool:
        try:
            running = pool.submit(channel.run, Batch((operation,)))
            failure = running.exception(timeout=300)
        finally:
            lab.thaw(hosts["two"].machine)
            lab.mend_link(hosts["two"].machine)
            channel.abandon()

    assert hung.is_set()
    assert isinstance(failure, ConnectionFailed)
