"""Hosts of bad habits among good ones: each says what stands in the way and what to do, and the others are done."""

from __future__ import annotations

import dataclasses
import itertools
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from tests.chaos.conftest import SILENCE, Heard, agents, lines, waiting
from tests.lab.conftest import TestHost
from tests.sshd import RESTART
from tests.waiting import until
from windlass import lab
from windlass.errors import AgentFailed, ConnectionFailed, OperationFailed
from windlass.hosts.common.target import Target
from windlass.hosts.many.fleet import Fleet, errors_of
from windlass.operations.command import Run
from windlass.operations.package import Package
from windlass.operations.wire import Batch
from windlass.values import Secret

pytestmark = pytest.mark.lab

SSHD_ASKS = "ClientAliveInterval 1\\nClientAliveCountMax 2\\n"
PASSWORD = Secret("the cyclamen sleeps")
SHELLS = {"fishy": "/usr/bin/fish", "tcshy": "/usr/bin/tcsh", "homeless": "/bin/sh"}
USERS = f"""
test -x /usr/bin/tcsh || {{ apt-get update -qq; apt-get install -y -qq --no-install-recommends fish tcsh >/dev/null; }}
for user in noisy endless guest leaving careful barred {" ".join(SHELLS)}; do
    id $user >/dev/null 2>&1 || useradd --create-home --shell /bin/bash $user
    install -d -m 700 -o $user -g $user /home/$user/.ssh
    install -m 600 -o $user -g $user /home/deploy/.ssh/authorized_keys /home/$user/.ssh/
done
echo 'careful:{PASSWORD.reveal()}' | chpasswd
printf 'echo welcome\nhead -c 20000 /dev/zero\necho oops >&2\n' > /home/noisy/.bashrc
echo 'yes welcome' > /home/endless/.bashrc
usermod --shell /usr/sbin/nologin barred
{"".join(f"usermod --shell {shell} {user};" for user, shell in SHELLS.items())}
test ! -e /home/homeless || mv /home/homeless/.ssh/authorized_keys /etc/ssh/homeless; rm -rf /home/homeless
chown root:root /etc/ssh/homeless; chmod 644 /etc/ssh/homeless
printf 'Match User homeless\n AuthorizedKeysFile /etc/ssh/homeless\n' > /etc/ssh/sshd_config.d/zz-homeless.conf
systemctl reload ssh
printf '{",".join(SHELLS)} ALL=(ALL) NOPASSWD: ALL\n' > /etc/sudoers.d/shells
printf 'noisy,leaving ALL=(ALL) NOPASSWD: ALL\nendless ALL=(ALL) NOPASSWD: ALL\ncareful ALL=(ALL) ALL\n' > /etc/sudoers.d/habits
"""
NARROW = "/etc/ssh/sshd_config.d/narrow.conf"
DONE = Run(command="echo done >> /root/chaos/ran")
FOREVER = "while ! test -e /root/chaos/go; do sleep 0.1; done"
SESSION = "pkill -KILL -f '^sshd: .*@notty' || true"


@pytest.fixture
def broken(hosts: dict[str, TestHost]) -> TestHost:
    hosts["broken"].shell(USERS)
    return hosts["broken"]


@pytest.fixture
def narrow(broken: TestHost) -> Iterator[None]:
    """A connection carries one session."""
    broken.shell(f"echo MaxSessions 1 > {NARROW}; {RESTART}")
    yield
    broken.shell(f"rm {NARROW}; {RESTART}")


WORDS = {
    "rebuilt": ("another host key than before", "if the host was rebuilt, remove its line"),
    "locked": ("does not let us in", "check the user and key in the inventory"),
    "shut": ("cannot be reached", "check that the host is up, and its address and port"),
    "guest": ("guest does not let guest become root", "let guest use sudo there without a password, or give the password"),
    "barred": ("barred gets no shell on barred", "usermod -s /bin/sh barred"),
    "endless": ("the login on endless prints more than 64 KiB", "test -t 1 || return"),
}


def entries(broken: Target, other: Target, known_hosts: Path) -> list[Target]:
    """One machine under many names, each with a habit of its own, and another one."""
    key = paramiko.RSAKey.generate(1024)
    known_hosts.write_text(f"{broken.address} {key.get_name()} {key.get_base64()}\n")
    of = {
        "rebuilt": dataclasses.replace(broken, known_hosts=known_hosts),
        "locked": dataclasses.replace(broken, user="nobody"),
        "shut": dataclasses.replace(broken, port=9),
        **{user: dataclasses.replace(broken, user=user) for user in ("guest", "barred", "endless", "noisy", *SHELLS)},
        "other": other,
    }
    return [dataclasses.replace(target, name=name) for name, target in of.items()]


@pytest.mark.parametrize("transport", ["paramiko", "openssh", "libssh2"])
def test_who_cannot_be_entered_says_why_and_what_to_do_and_the_others_are_done(
    transport: str, broken: TestHost, hosts: dict[str, TestHost], narrow: None, tmp_path: Path
) -> None:
    made = entries(broken.target, hosts["other"].target, tmp_path / "known_hosts")
    targets = [dataclasses.replace(each, transport=transport, warm_seconds=0) for each in made]

    with Fleet(targets) as fleet:
        outcomes = fleet.run({target.name: Batch((DONE,)) for target in targets})

    failed = errors_of(outcomes)
    assert set(failed) == set(WORDS), failed
    for name, (message, hint) in WORDS.items():
        assert (failed[name].host, message in failed[name].message, hint in failed[name].hint) == (name, True, True), failed[name]
    assert [len(lines(host, "ran")) for host in hosts.values()] == [
        1 + len(SHELLS),
        1,
    ]  # on the broken one `noisy`, and of any shell
    until(lambda: agents(broken) == [])


def run(targets: list[Target], batch: Batch, heard: Heard) -> dict[str, object]:
    with Fleet(targets, heard) as fleet:
        return dict(fleet.run({target.name: batch for target in targets}))


@pytest.fixture
def strict(narrow: None, broken: TestHost) -> None:
    """And sshd asks each second whether somebody is there, and cuts who says nothing twice."""
    broken.shell(f"printf '{SSHD_ASKS}' >> {NARROW}; {RESTART}")


def test_an_sshd_that_cuts_who_is_silent_is_answered_and_a_line_that_it_cut_is_taken_up_again(
    broken: TestHost, hosts: dict[str, TestHost], impatient: None, strict: None
) -> None:
    """By every way at once, while an operation says nothing; then packets vanish until it has cut all of them."""
    ways = [
        dataclasses.replace(waiting(broken, 60.0), name=transport, transport=transport, warm_seconds=0)  # type: ignore[arg-type]
        for transport in ("paramiko", "openssh", "libssh2")
    ]
    sessions = "pgrep -fc '^sshd: .*@notty' || true"
    heard, counted = Heard(), list[str]()

    def silence_the_link() -> None:
        until(lambda: lines(broken, "ran") == ["one"] * 3 and broken.shell(sessions).strip() == "3")
        time.sleep(4.0)  # sshd has asked, and would have cut by now who does not answer
        counted.append(broken.shell(sessions).strip())
        lab.cut_link(broken.machine)
        until(lambda: broken.shell(sessions).strip() == "0")
        lab.mend_link(broken.machine)
        broken.shell("touch /root/chaos/go")

    silencing = threading.Thread(target=silence_the_link)
    silencing.start()
    outcomes = run(ways, Batch((Run(command=f"echo one >> /root/chaos/ran; {FOREVER}"), DONE)), heard)
    silencing.join()

    assert errors_of(outcomes) == {}
    assert counted == ["3"]
    assert [len(heard.notes(way.name)) for way in ways] == [1, 1, 1]
    assert all("attached again after" in heard.notes(way.name)[0] for way in ways)
    assert lines(broken, "ran") == ["one"] * 3 + ["done"] * 3


LOGIND = "/etc/systemd/logind.conf.d/strict.conf"


@pytest.fixture
def tidy(broken: TestHost) -> Iterator[None]:
    """Who logs out leaves nothing running."""
    broken.shell(f"mkdir -p $(dirname {LOGIND}); printf '[Login]\\nKillUserProcesses=yes\\n' > {LOGIND}")
    broken.shell("systemctl restart systemd-logind")
    yield
    broken.shell(f"rm {LOGIND}; systemctl restart systemd-logind")


@pytest.mark.parametrize("user", ["deploy", "careful"])
def test_a_host_that_ends_what_a_login_leaves_running_does_not_end_an_operation(broken: TestHost, tidy: None, user: str) -> None:
    heard = Heard()
    way = dataclasses.replace(waiting(broken, 20.0), user=user, sudo_password=PASSWORD if user == "careful" else None)
    mine = f"loginctl list-sessions --no-legend | awk '$3 == \"{user}\" {{print $1}}'"  # who comes back has another
    gone = f"session=$({mine}); test $session; {SESSION}; while loginctl show-session $session; do sleep 0.1; done"
    cut = f"echo one >> /root/chaos/ran; {gone}"

    outcomes = run([way], Batch((Run(command=f"{cut}; sleep 1; echo two >> /root/chaos/ran"), DONE)), heard)

    assert errors_of(outcomes) == {}
    assert "attached again after" in "".join(heard.notes("broken"))
    assert lines(broken, "ran") == ["one", "two", "done"]
    until(lambda: broken.shell("systemctl list-units --no-legend 'windlass-*.scope'") == "")


def test_rights_that_are_lost_half_way_matter_to_who_comes_in_anew(broken: TestHost, hosts: dict[str, TestHost]) -> None:
    """The batch that takes them away is done to its end; the next login is refused with what to do; the others are done."""
    leaving = dataclasses.replace(broken.target, user="leaving", name="broken")
    lose = Run(command="test $(hostname) = other || sed -i s/,leaving// /etc/sudoers.d/habits")

    first = run([leaving, hosts["other"].target], Batch((lose, DONE)), Heard())
    second = run([leaving, hosts["other"].target], Batch((DONE,)), Heard())

    assert errors_of(first) == {}
    failed = errors_of(second)
    assert list(failed) == ["broken"]
    assert isinstance(failed["broken"], AgentFailed)
    assert "broken does not let leaving become root" in failed["broken"].message
    assert "let leaving use sudo there" in failed["broken"].hint
    assert [lines(host, "ran") for host in (broken, hosts["other"])] == [["done"], ["done", "done"]]


def test_rights_that_are_lost_together_with_the_line_end_that_host_alone(broken: TestHost, hosts: dict[str, TestHost]) -> None:
    """There is no way back to the agent: it ends by itself, and the message says what to mend and to type."""
    leaving = dataclasses.replace(broken.target, user="leaving", name="broken", grace_seconds=12.0, connect_seconds=10.0)
    script = f"test $(hostname) = other || {{ sed -i s/,leaving// /etc/sudoers.d/habits; {SESSION}; sleep 2; }}"

    outcomes = run(
        [leaving, hosts["other"].target], Batch((Run(command=f"echo begun >> /root/chaos/ran; {script}"), DONE)), Heard()
    )

    failed = errors_of(outcomes)
    assert list(failed) == ["broken"]
    assert isinstance(failed["broken"], ConnectionFailed)
    assert "could not be taken up again: broken does not let leaving become root" in failed["broken"].message
    assert "let leaving use sudo there" in failed["broken"].hint
    assert "run the same again" in failed["broken"].hint
    until(lambda: agents(broken) == [])
    assert [lines(host, "ran") for host in (broken, hosts["other"])] == [["begun"], ["begun", "done"]]


OTHER_KEY = "cd /etc/ssh; mv ssh_host_ed25519_key* /root/keys; ssh-keygen -q -t ed25519 -N '' -f ssh_host_ed25519_key"


def test_another_host_that_answers_half_way_is_told_nothing(broken: TestHost, hosts: dict[str, TestHost]) -> None:
    """At the same address, when the line is to be taken up again: what that may mean is said, and what to do."""
    script = f"test $(hostname) = other || {{ mkdir /root/keys; {OTHER_KEY}; {RESTART}; {SESSION}; sleep 2; }}"
    soon = dataclasses.replace(broken.target, grace_seconds=6.0, connect_seconds=6.0)
    batch = Batch((Run(command=f"echo begun >> /root/chaos/ran; {script}"), DONE))
    try:
        outcomes = run([soon, hosts["other"].target], batch, Heard())
    finally:
        broken.shell(f"mv /root/keys/* /etc/ssh; rmdir /root/keys; {RESTART}")

    failed = errors_of(outcomes)
    assert list(failed) == ["broken"]
    assert "could not be taken up again: broken (deploy@" in failed["broken"].message
    assert "shows another host key than before" in failed["broken"].message
    assert "somebody is in between; then run the same again" in failed["broken"].hint
    until(lambda: agents(broken) == [])
    assert [lines(host, "ran") for host in (broken, hosts["other"])] == [["begun"], ["begun", "done"]]


def test_a_password_is_given_again_when_what_sudo_remembers_has_ended(broken: TestHost) -> None:
    careful = dataclasses.replace(waiting(broken, 20.0), user="careful", sudo_password=PASSWORD)
    heard = Heard()

    outcomes = run([careful], Batch((Run(command=f"{SESSION}; sudo -K; rm -rf /run/sudo/ts; sleep 1"), DONE)), heard)

    assert errors_of(outcomes) == {}
    assert "attached again after" in "".join(heard.notes("broken"))
    assert lines(broken, "ran") == ["done"]


DEBS = f"""
cd /root/chaos
for name in windlass-quick windlass-slow; do
    mkdir -p $name/DEBIAN
    printf 'Package: %s\nVersion: 1\nArchitecture: all\nMaintainer: nobody\nDescription: a test\n' $name > $name/DEBIAN/control
done
printf '#!/bin/sh\ntouch /root/chaos/held\n{FOREVER}\n' > windlass-slow/DEBIAN/preinst
chmod 755 windlass-slow/DEBIAN/preinst
for name in windlass-quick windlass-slow; do dpkg-deb --build $name >/dev/null; done
dpkg -i windlass-quick.deb >/dev/null
(apt-get install -y ./windlass-slow.deb >/dev/null 2>&1 &) </dev/null >/dev/null 2>&1
while ! test -e held; do sleep 0.1; done
"""


def test_an_apt_that_somebody_else_runs_is_waited_for_and_named(broken: TestHost, hosts: dict[str, TestHost]) -> None:
    """First it takes too long, which fails that host alone; then it ends, and the operation is done."""
    broken.shell(DEBS)
    both = [broken.target, hosts["other"].target]
    heard = Heard()

    def remove(seconds: int) -> Batch:
        return Batch((Package(names=("windlass-quick",), absent=True, lock_seconds=seconds), DONE))

    outcomes = run(both, remove(1), Heard())
    releasing = threading.Thread(target=lambda: (until(lambda: bool(heard.notes("broken"))), broken.shell("touch /root/chaos/go")))
    releasing.start()
    again = run(both, remove(300), heard)
    releasing.join()

    failed = errors_of(outcomes)
    assert list(failed) == ["broken"]
    assert isinstance(failed["broken"], OperationFailed)
    assert "apt-get (process " in failed["broken"].message
    assert "still holds /var/lib/dpkg/lock-frontend after 1 s" in failed["broken"].message
    assert "then run again" in failed["broken"].hint
    assert errors_of(again) == {}
    assert "which holds /var/lib/dpkg/lock" in heard.notes("broken")[0]
    assert broken.shell("dpkg-query -W -f '${Package} ' 'windlass-*'").split() == ["windlass-slow"]
    broken.shell("dpkg --purge windlass-slow >/dev/null")


def stopped_and_continued(host: lab.LabHost, over: threading.Event, pauses: Iterator[tuple[float, float]]) -> None:
    """Stopped for so long, going for so long, in turn."""
    for stopped, going in pauses:
        lab.freeze(host)
        time.sleep(stopped)
        lab.thaw(host)
        if over.wait(going):
            return


@pytest.mark.parametrize(
    "pauses",
    [pytest.param(((SILENCE + 2, 0.1),), id="stopped once"), pytest.param(((0.2, 0.05),) * 400, id="a fifth of a processor")],
)
def test_a_slow_host_is_waited_for(
    pauses: tuple[tuple[float, float], ...], broken: TestHost, hosts: dict[str, TestHost], impatient: None
) -> None:
    """Longer than silence may last, or all the time: everything is done once."""
    slow = Batch((Run(command="echo first >> /root/chaos/ran; sleep 0.5"), *(dataclasses.replace(DONE) for _ in range(3))))
    over = threading.Event()
    heard = Heard()
    starving = threading.Thread(target=stopped_and_continued, args=(broken.machine, over, itertools.chain(pauses)))
    heard.upon("broken", starving.start)
    try:
        outcomes = run([waiting(broken, 20.0), hosts["other"].target], slow, heard)
    finally:
        over.set()
        starving.join()
        lab.thaw(broken.machine)

    assert errors_of(outcomes) == {}
    assert [lines(host, "ran") for host in hosts.values()] == [["first", "done", "done", "done"]] * 2
