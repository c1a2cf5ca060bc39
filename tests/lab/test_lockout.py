"""Twenty ways to lock oneself out of a host, each made on trial, and each taken back by the host itself."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import pytest

from tests.lab.conftest import LabHosts, TestHost
from windlass import events, lab
from windlass.errors import HostError, OperationFailed
from windlass.flows.commit import confirmer
from windlass.hosts.channel import Channel, OnTrial
from windlass.hosts.common.target import Target
from windlass.hosts.many.fleet import Fleet
from windlass.operations.authorized_key import AuthorizedKeys
from windlass.operations.command import Run
from windlass.operations.commit import SSHD_AGAIN, Confirm, Guarded
from windlass.operations.wire import Batch

pytestmark = pytest.mark.lab

SECONDS = 4.0
HOSTS = ("one", "two", "three", "four")
RULES = "/etc/windlass-drill.nft"
GOOD = """\
table inet drill
delete table inet drill
table inet drill {
	chain input {
		type filter hook input priority filter; policy drop;
		ct state established,related accept
		tcp dport 22 accept
	}
}
"""
LIVE = "nft --stateless --terse list table inet drill 2>/dev/null || true"
BEFORE = "printf 'table inet drill\\ndelete table inet drill\\n'"


def rules(*lines: str, policy: str = "drop", hook: str = "input") -> Guarded:
    chain = f"type filter hook {hook} priority filter; policy {policy};\n" + "\n".join(lines)
    text = f"table inet drill\ndelete table inet drill\ntable inet drill {{\nchain {hook} {{\n{chain}\n}}\n}}\n"
    return Guarded(
        guard="firewall",
        path=RULES,
        content=text,
        snapshot=LIVE,
        activate=f"nft -f {RULES}",
        undo=f"{{ {BEFORE}; cat live; }} | nft -f -",
        seconds=SECONDS,
    )


def sshd(text: str, activate: str = "systemctl reload ssh", keeps: tuple[str, ...] = ()) -> Guarded:
    return Guarded(
        guard="sshd",
        path="/etc/ssh/sshd_config.d/00-drill.conf",
        content=text,
        keeps=keeps,
        activate=activate,
        undo=SSHD_AGAIN,
        seconds=SECONDS,
    )


def sudoers(path: str, text: str, *, absent: bool = False, keeps: tuple[str, ...] = (), activate: str = "true") -> Guarded:
    return Guarded(
        guard="sudoers",
        path=path,
        content=text,
        absent=absent,
        keeps=keeps,
        mode="0440",
        activate=activate,
        undo="true",
        seconds=SECONDS,
    )


LAST = "/etc/sudoers.d/zz-drill"
# No RSA key: on a busy machine it takes longer than the trial lasts.
QUICK_KEYS = "; ".join(f"ssh-keygen -q -t {kind} -N '' -f /etc/ssh/ssh_host_{kind}_key" for kind in ("ed25519", "ecdsa"))
KEYS = tuple(f"/etc/ssh/ssh_host_{kind}_key" for kind in ("ed25519", "ecdsa", "rsa"))
DRILLS: Mapping[str, Guarded] = {
    "the port of SSH is not open": rules("ct state established,related accept", "tcp dport 80 accept"),
    "everything is dropped": rules(),
    "another port is open": rules("ct state established,related accept", "tcp dport 2222 accept"),
    "what is established is dropped": rules("ct state established drop", "tcp dport 22 accept"),
    "another network is let in": rules("ct state established,related accept", "ip saddr 192.0.2.0/24 tcp dport 22 accept"),
    "only IPv6 is let in": rules("ct state established,related accept", "meta nfproto ipv6 tcp dport 22 accept"),
    "new connections are refused": rules("ct state established,related accept", "tcp dport 22 reject with tcp reset"),
    "no answer gets out": rules("tcp sport 22 ct state new drop", "tcp sport 22 drop", policy="accept", hook="output"),
    "nothing gets past prerouting": rules("tcp dport 22 ct state new drop", policy="accept", hook="prerouting"),
    "the limit of new connections is none": rules(
        "ct state established,related accept",
        "tcp dport 22 limit rate over 1/day burst 1 packets drop",
        "tcp dport 22 ct state invalid accept",
    ),
    "sshd listens at another port": sshd("ListenAddress 0.0.0.0:2222\nListenAddress [::]:2222\n"),
    "sshd listens at loopback alone": sshd("ListenAddress 127.0.0.1\n", activate="systemctl restart ssh"),
    "sshd lets nobody in": sshd("AllowUsers nobody\n"),
    "sshd denies the user": sshd("DenyUsers deploy\n"),
    "sshd takes no keys": sshd("PubkeyAuthentication no\n"),
    "sshd reads no authorized keys": sshd("AuthorizedKeysFile none\n"),
    "the host's keys are others": sshd(
        "# new keys\n",
        activate=f"rm -f /etc/ssh/ssh_host_*; {QUICK_KEYS}; systemctl restart ssh",
        keeps=(*KEYS, *(f"{key}.pub" for key in KEYS)),
    ),
    "sshd does not start with its configuration": sshd("NoSuchOption yes\n", activate="systemctl restart ssh || true"),
    "sudo asks for a password": sudoers(LAST, "deploy ALL=(ALL:ALL) PASSWD: ALL\n"),
    "sudo forbids everything": sudoers(LAST, "deploy ALL=(ALL:ALL) !ALL\n"),
    "the rights of sudo are removed": sudoers(
        LAST, "# none\n", keeps=("/etc/sudoers.d",), activate="find /etc/sudoers.d -type f -name '[!z]*' -delete"
    ),
    "the sudoers are no sudoers": sudoers(
        LAST, "this is no line of sudoers\n", activate="echo 'deploy ALL=(ALL) PASSWD: ALL' >> /etc/sudoers.d/zz-drill"
    ),
}


@dataclass(frozen=True)
class Recovery:
    """What one drill came to."""

    error: str
    before: str
    after: str
    state: str
    seconds: float


@pytest.fixture(scope="module")
def hosts(lab_hosts: LabHosts) -> dict[str, TestHost]:
    there = lab_hosts("lockout", HOSTS)
    for host in there.values():
        host.shell(f"cat > {RULES} <<'END'\n{GOOD}END\nnft -f {RULES}")
    return there


@pytest.fixture(scope="module")
def recoveries(hosts: dict[str, TestHost]) -> dict[str, Recovery]:
    """All drills, one after the other on each host, on all hosts at once."""
    found: dict[str, Recovery] = {}
    names = list(DRILLS)

    def work(host: TestHost, mine: list[str]) -> None:
        for name in mine:
            found[name] = drill(host, DRILLS[name])

    threads = [threading.Thread(target=work, args=(hosts[host], names[number :: len(HOSTS)])) for number, host in enumerate(HOSTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


WAYS_IN = """
cat /etc/windlass-drill.nft; nft --stateless --terse list table inet drill
for file in /etc/ssh/sshd_config.d/* /etc/ssh/ssh_host_*_key /etc/sudoers.d/*; do
    test -e $file && stat -c '%n %a %U:%G' $file && sha256sum < $file
done
true
"""


STATE = """
systemctl is-system-running || true
for _time in $(seq 600); do test "$(systemctl list-units --plain --no-legend 'windlass-trial-*')" || break; sleep 0.1; done
systemctl list-units --plain --no-legend 'windlass-trial-*'
ls /run/went-on 2>&1 || true
"""


def drill(host: TestHost, change: Guarded) -> Recovery:
    before = host.shell(WAYS_IN)
    began = time.monotonic()
    fleet = Fleet([host.target], confirmer=confirmer())
    with fleet:
        outcome = fleet.run({host.target.name: Batch((change, Run(command="touch /run/went-on")))})[host.target.name]
    seconds = time.monotonic() - began
    state = host.shell(STATE)
    answer(host)
    return Recovery(str(outcome), before, host.shell(WAYS_IN), state, seconds)


def answer(host: TestHost) -> None:
    """A login and sudo. Raises HostError where one of them is not possible."""
    Channel(host.target).close()


def test_there_are_at_least_twenty() -> None:
    assert len(DRILLS) >= 20


@pytest.mark.parametrize("name", list(DRILLS))
def test_the_host_takes_it_back_and_can_be_reached_again(name: str, recoveries: dict[str, Recovery]) -> None:
    recovery = recoveries[name]

    assert "would have locked us out of" in recovery.error
    assert "the old one is back and the host answers" in recovery.error
    assert recovery.after == recovery.before
    assert recovery.state == "running\nls: cannot access '/run/went-on': No such file or directory"


GREETING = Guarded(
    guard="greeting",
    path="/etc/greeting",
    content="new\n",
    activate="cp /etc/greeting /run/live",
    undo="cp /etc/greeting /run/live",
    seconds=SECONDS,
)


@pytest.fixture
def greeting(hosts: dict[str, TestHost]) -> Iterator[TestHost]:
    host = hosts["one"]
    host.shell(
        "echo old > /etc/greeting; chmod 0600 /etc/greeting; cp /etc/greeting /run/live; rm -rf /var/lib/windlass/trials/greeting"
    )
    yield host
    host.shell("rm -f /etc/greeting; until ! test -d /var/lib/windlass/trials/greeting/pending; do sleep 0.1; done")


def state(host: TestHost) -> list[str]:
    return host.shell(
        "cat /etc/greeting /run/live; stat -c %a /etc/greeting; ls /var/lib/windlass/trials/greeting | tr '\\n' ' '; echo; "
        "ls /etc/systemd/system /etc/systemd/system/sysinit.target.wants | grep -c windlass-trial || true; "
        "systemctl list-units --all --plain --no-legend 'windlass-trial-*' | wc -l"
    ).splitlines()


def test_a_change_that_lets_us_in_is_kept_and_leaves_nothing_behind(greeting: TestHost) -> None:
    notes: list[events.Event] = []
    patient = replace(GREETING, seconds=120.0)  # a login takes as long as the machine is busy
    with Fleet([greeting.target], confirmer=confirmer(notes.append)) as fleet:
        (first,), (second,) = ([*fleet.run_same(["one"], [patient]).values()] for _ in range(2))

    assert [result.status for outcome in (first, second) for result in outcome] == ["changed", "ok"]
    assert state(greeting) == ["new", "new", "644", "last restore.sh ", "0", "0"]
    assert notes == []


def test_the_connection_that_made_a_change_cannot_confirm_it(greeting: TestHost) -> None:
    refused: list[str] = []
    earlier = Channel(greeting.target)

    def by_the_earlier_one(_target: object, change: object) -> None:
        batch = Batch((Confirm(guard="greeting", token=change.token),), go_on=True)  # type: ignore[attr-defined]
        (result,) = earlier.run(batch)
        refused.append(result.message)

    channel = Channel(greeting.target, confirmer=by_the_earlier_one)
    with pytest.raises(OperationFailed, match="nobody could come in anew within 4 s, so the host put the old greeting back"):
        channel.run(Batch((GREETING,)))

    assert refused == ["a change of greeting can only be confirmed by who comes in after it"]
    assert state(greeting)[:3] == ["old", "old", "600"]


def test_what_cannot_be_made_to_count_is_put_back_at_once(greeting: TestHost) -> None:
    channel = Channel(greeting.target)
    broken = Guarded(
        guard="greeting", path="/etc/greeting", content="new\n", activate="echo no >&2; false", undo="true", seconds=600
    )

    (result,) = channel.run(Batch((broken,), go_on=True))

    assert (result.message, result.last_lines) == (
        "the change cannot be made to count, and everything is as it was before",
        ("no",),
    )
    assert state(greeting) == ["old", "old", "600", "last restore.sh ", "0", "0"]


Break = Callable[[TestHost, Channel], None]


def kill_the_agent(host: TestHost, _channel: Channel) -> None:
    host.shell("pkill -KILL -f '[w]indlass for'")


def hang_up(_host: TestHost, channel: Channel) -> None:
    channel.abandon()


@pytest.mark.parametrize("broken", [kill_the_agent, hang_up])
def test_agent_and_controller_may_die_while_a_change_is_on_trial(greeting: TestHost, broken: Break) -> None:
    channel = Channel(greeting.target, confirmer=lambda _target, change: broken(greeting, channel) if change.active else None)

    with pytest.raises((HostError, OSError)):
        channel.run(Batch((GREETING,)))
    greeting.shell("until ! test -d /var/lib/windlass/trials/greeting/pending; do sleep 0.1; done")
    greeting.shell("until ! systemctl list-units --all --plain --no-legend 'windlass-trial-*' | grep -q .; do sleep 0.1; done")

    assert state(greeting) == ["old", "old", "600", "last restore.sh restored ", "0", "0"]


def test_a_change_that_is_made_after_the_timer_was_there_is_taken_back_as_well(greeting: TestHost) -> None:
    way_back = "sh /var/lib/windlass/trials/greeting/restore.sh"
    slow = dataclasses.replace(GREETING, activate=f"{way_back}; echo new > /etc/greeting; cp /etc/greeting /run/live", seconds=600)

    (result,) = Channel(greeting.target).run(Batch((slow,), go_on=True))

    assert "took so long that the host has put the old one back meanwhile" in result.message
    assert state(greeting) == ["old", "old", "600", "last restore.sh ", "0", "0"]


def test_a_change_that_nothing_would_take_back_any_more_is_taken_back_by_the_next(greeting: TestHost) -> None:
    def without_a_timer(host: TestHost, channel: Channel) -> None:
        host.shell("systemctl stop windlass-trial-greeting.timer")
        kill_the_agent(host, channel)

    breaks = lambda _target, change: without_a_timer(greeting, channel) if change.active else None  # noqa: E731
    channel = Channel(greeting.target, confirmer=breaks)
    with pytest.raises((HostError, OSError)):
        channel.run(Batch((dataclasses.replace(GREETING, seconds=600),)))
    with Fleet([greeting.target], confirmer=confirmer()) as fleet:
        ((result,),) = fleet.run_same(["one"], [GREETING]).values()

    assert result.status == "changed"
    assert state(greeting) == ["new", "new", "644", "last restore.sh ", "0", "0"]


def test_keys_without_the_one_that_we_come_in_with_are_taken_back(hosts: dict[str, TestHost]) -> None:
    host = hosts["three"]
    look = "cat ~deploy/.ssh/authorized_keys; stat -c '%a %U' ~deploy/.ssh/authorized_keys"
    before = host.shell(look)
    ours = before.splitlines()[0]
    stranger = f"ssh-ed25519 {'A' * 68} stranger"

    def keys(*given: str) -> str:
        wanted = AuthorizedKeys(user="deploy", keys=given, confirm_seconds=SECONDS)
        with Fleet([host.target], confirmer=confirmer()) as fleet:
            (outcome,) = fleet.run_same([host.target.name], [wanted]).values()
        return str(outcome) if isinstance(outcome, HostError) else outcome[0].status

    shut_out, after = keys(stranger), host.shell(look)
    more, fewer, again = keys(ours, stranger), keys(ours), keys(ours)

    assert "would have locked us out of" in shut_out
    assert after == before
    assert (more, fewer, again) == ("changed", "changed", "ok")
    assert host.shell("ls /var/lib/windlass/trials/keys-deploy") == "last\nrestore.sh"


def test_a_host_that_loses_its_power_boots_with_what_was_before(lab_hosts: LabHosts, hosts: dict[str, TestHost]) -> None:
    host = hosts["two"]
    host.shell("echo old > /etc/greeting; echo old > /run/live")
    channel = Channel(host.target, confirmer=lambda _target, change: lab.cut_power(host.machine) if change.active else None)
    long = Guarded(guard="greeting", path="/etc/greeting", content="new\n", activate="true", undo="touch /run/undone", seconds=3600)

    with pytest.raises((HostError, OSError)):
        channel.run(Batch((long,)))
    again = lab_hosts("lockout", HOSTS)["two"]

    assert again.shell("cat /etc/greeting; ls /run/undone; ls /var/lib/windlass/trials/greeting").split() == [
        "old",
        "/run/undone",
        "last",
        "restore.sh",
        "restored",
    ]
    assert (
        again.shell("ls /etc/systemd/system/sysinit.target.wants | grep windlass-trial || true; systemctl is-system-running")
        == "running"
    )


def test_a_second_change_waits_for_the_first(greeting: TestHost) -> None:
    second: list[str] = []
    confirm = confirmer()

    def try_another(target: Target, change: OnTrial) -> None:
        (result,) = Channel(greeting.target).run(Batch((GREETING,), go_on=True))
        second.append(result.message)
        confirm(target, change)

    patient = replace(GREETING, seconds=120.0)  # a login takes as long as the machine is busy
    with Fleet([greeting.target], confirmer=try_another) as fleet:
        (done,) = [*fleet.run_same(["one"], [patient]).values()]

    assert second == ["an earlier change of greeting waits for its confirmation"]
    assert [result.status for result in done] == ["changed"]
