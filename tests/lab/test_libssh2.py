"""libssh2 as the way in, on a real host: as strict as the other ways, both directions at once, and nothing stays open."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.conftest import LabHosts, TestHost
from tests.lab.people import person
from tests.sshd import RESTART
from tests.waiting import until
from windlass import events
from windlass.errors import AgentFailed, ConnectionFailed
from windlass.hosts.channel import Channel
from windlass.hosts.common import plain_way
from windlass.hosts.common.target import Target
from windlass.hosts.many.fleet import Fleet, errors_of
from windlass.hosts.opening import open_over_ssh
from windlass.operations.command import Run
from windlass.operations.wire import Batch
from windlass.values import Secret

pytestmark = pytest.mark.lab
PASSWORD = Secret("the tulip sleeps")
OWN = "/etc/ssh/sshd_config.d/libssh2.conf"


@pytest.fixture(scope="module")
def hosts(lab_hosts: LabHosts) -> dict[str, TestHost]:
    made = lab_hosts("libssh2", ["one", "two"])
    made["one"].shell(person("careful", PASSWORD, "careful ALL=(ALL) ALL"))
    return made


@pytest.fixture
def one(hosts: dict[str, TestHost]) -> Target:
    return dataclasses.replace(hosts["one"].target, transport="libssh2")


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A folder with a key that nobody knows, and one with a passphrase."""
    for name, passphrase in (("strange", ""), ("locked", "tulip")):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", str(tmp_path / name)], check=True)
    return tmp_path


@pytest.fixture
def sshd(hosts: dict[str, TestHost]) -> Iterator[TestHost]:
    """The first host, whose sshd the test configures."""
    yield hosts["one"]
    hosts["one"].shell(f"rm -f {OWN}; {RESTART}")


def said(target: Target, command: str = "id -un") -> str:
    channel = Channel(target)
    try:
        (result,) = channel.run(Batch((Run(command=command),)))
    finally:
        channel.close()
    return " ".join(str(result.data["output"]).split())


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_both_directions_carry_bytes_at_once_while_keys_are_made_anew(one: Target, sshd: TestHost) -> None:
    sshd.shell(f"echo RekeyLimit 1M > {OWN}; {RESTART}")
    piece, pieces = os.urandom(1 << 20), 40
    session = open_over_ssh(one, "cat")
    sending = threading.Thread(target=lambda: [session.send(piece) for _ in range(pieces)])
    sending.start()
    come, left = hashlib.sha256(), pieces * len(piece)
    while left:
        data = session.receive(1 << 18)
        come.update(data)
        left -= len(data)
    sending.join()
    session.close()

    assert come.digest() == hashlib.sha256(piece * pieces).digest()
    assert (session.sent, session.received) == (pieces * len(piece),) * 2


def test_nobody_waits_for_ever_and_what_was_open_is_given_back(one: Target) -> None:
    before = open_files()
    silent = open_over_ssh(one, "echo complaint >&2; sleep 1000")
    silent.wait_at_most(2.0)
    with pytest.raises(TimeoutError):
        silent.receive(1)
    with pytest.raises(OSError, match="takes no more"):
        silent.send(bytes(64 << 20))
    complaint = silent.errors()
    silent.wait_at_most(600.0)
    outcome: list[BaseException] = []

    def wait() -> None:
        try:
            silent.receive(1)
        except OSError as error:
            outcome.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    silent.close()
    waiting.join()

    assert complaint == "complaint\n"
    assert len(outcome) == 1
    assert open_files() == before
    with pytest.raises(OSError, match="closed"):
        silent.send(b"x")


def test_the_end_of_a_command_is_seen_and_what_it_said_besides(one: Target) -> None:
    session = open_over_ssh(one, "echo out; echo err >&2")

    assert (session.receive(100), session.receive(100), session.errors()) == (b"out\n", b"", "err\n")
    session.close()


def test_host_keys_are_checked(one: Target, keys: Path) -> None:
    known = keys / "known_hosts"
    strict = dataclasses.replace(one, known_hosts=known)
    known.write_text(f"other ssh-ed25519 {(keys / 'strange.pub').read_text().split()[1]}")  # without an end of its line

    with pytest.raises(ConnectionFailed, match="nobody knows yet") as unknown:
        said(strict)
    with pytest.raises(ConnectionFailed, match="shows a host key that cannot be written into"):
        said(dataclasses.replace(strict, known_hosts=known / "below a file", accept_new=True))
    accepted = said(dataclasses.replace(strict, accept_new=True))
    stored = known.read_text().splitlines()
    again = said(strict)
    known.write_text("".join(f"{line}\n@revoked * {line.partition(' ')[2]}\n" for line in stored[1:]))
    with pytest.raises(ConnectionFailed, match="marked as @revoked"):
        said(dataclasses.replace(strict, accept_new=True))
    known.write_text(f"{one.address} {(keys / 'strange.pub').read_text()}")
    with pytest.raises(ConnectionFailed, match="another host key than before"):
        said(dataclasses.replace(strict, accept_new=True))

    assert "--accept-new" in unknown.value.hint
    assert {accepted, again} == {"root"}
    assert [line.split()[0] for line in stored] == ["other", one.address]
    assert subprocess.run(["ssh-keygen", "-F", one.address, "-f", known], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_the_key_that_is_known_is_asked_for(one: Target, sshd: TestHost, tmp_path: Path, kind: str) -> None:
    key = f"/etc/ssh/ssh_host_{kind}_key"
    sshd.shell(f"ssh-keygen -q -A; echo HostKey {key} > {OWN}; {RESTART}")
    (tmp_path / "known").write_text(f"{one.address} {sshd.shell(f'cat {key}.pub')}")

    assert said(dataclasses.replace(one, known_hosts=tmp_path / "known")) == "root"


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("strange", "does not let us in"),
        ("locked", "locked has a passphrase"),
        ("known_hosts", "cannot be read as a private key"),
        ("nowhere", r"cannot be read as a private key: .*No such file"),
    ],
)
def test_keys_that_do_not_open(one: Target, keys: Path, key: str, message: str) -> None:
    (keys / "known_hosts").write_text("no key\n")
    with pytest.raises(ConnectionFailed, match=message):
        said(dataclasses.replace(one, private_key=keys / key))


def test_without_a_named_key_the_agent_is_asked_and_then_the_user_s_own_keys(
    one: Target, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nameless = dataclasses.replace(one, private_key=None)
    monkeypatch.setenv("HOME", str(keys))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(keys / "agent"))
    (keys / ".ssh").mkdir()

    with pytest.raises(ConnectionFailed, match=r"takes no key of ssh-agent, and none of ~/\.ssh"):
        said(nameless)
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(keys / "agent")], stdout=subprocess.DEVNULL)
    try:
        until((keys / "agent").exists)
        subprocess.run(["ssh-add", "-q", str(keys / "strange"), str(one.private_key)], check=True)
        by_agent = said(nameless)
    finally:
        agent.terminate()
        agent.wait(60)
    (keys / ".ssh" / "id_ecdsa").write_bytes((keys / "strange").read_bytes())
    (keys / ".ssh" / "id_rsa").write_bytes(Path(str(one.private_key)).read_bytes())

    assert (by_agent, said(nameless)) == ("root", "root")


def test_sudo_gets_its_password_and_a_wrong_one_is_tried_once(one: Target) -> None:
    careful = dataclasses.replace(one, user="careful", sudo_password=PASSWORD)

    assert said(careful) == "root"
    with pytest.raises(AgentFailed, match="did not take the password"):
        said(dataclasses.replace(careful, sudo_password=Secret("a guess")))


def test_an_sshd_that_lets_in_two_at_once_serves_eight(one: Target, sshd: TestHost) -> None:
    sshd.shell(f"printf 'MaxStartups 2\\nMaxSessions 1\\n' > {OWN}; {RESTART}")

    with Fleet([dataclasses.replace(one, name=f"one-{number}", connect_seconds=60) for number in range(8)]) as fleet:
        assert errors_of(fleet.connect()) == {}


def test_an_operation_outlives_its_connection(one: Target, hosts: dict[str, TestHost]) -> None:
    told: list[events.Event] = []
    channel = Channel(one, listener=told.append)
    kill = "until test -s /srv/ran; do sleep 0.1; done; pkill -KILL -f '^sshd: deploy'; touch /srv/killed"
    hosts["one"].shell(f"rm -f /srv/ran /srv/killed; ({kill}) >/dev/null 2>&1 &")

    (result,) = channel.run(Batch((Run(command="echo ran >> /srv/ran; until test -e /srv/killed; do sleep 0.1; done; echo done"),)))
    channel.close()

    assert result.data["output"] == "done\n"
    assert hosts["one"].shell("cat /srv/ran").split() == ["ran"]
    assert any("attached again" in event.text for event in told if isinstance(event, events.Note))


def test_what_it_cannot_do_goes_by_paramiko(one: Target, hosts: dict[str, TestHost]) -> None:
    beyond = dataclasses.replace(hosts["two"].target, transport="libssh2", jump=one)

    assert (plain_way.is_plain(one), plain_way.is_plain(beyond)) == (True, False)
    assert said(beyond, "hostname") == "two"
