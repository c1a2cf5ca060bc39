"""Becoming root on hosts of every habit, and becoming somebody else from there."""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.conftest import LabHosts, TestHost
from windlass.errors import AgentFailed
from windlass.hosts.by_openssh.openssh import command_line
from windlass.hosts.channel import Channel
from windlass.hosts.common.target import Target
from windlass.operations.command import Run
from windlass.operations.directory import Directory
from windlass.operations.file import File
from windlass.operations.operation import LocalFile, Operation
from windlass.operations.wire import Batch
from windlass.values import Secret

pytestmark = pytest.mark.lab

PASSWORD = Secret("the crocus sleeps")
USERS = f"""
for user in careful strict; do
    useradd --create-home --shell /bin/bash $user
    echo "$user:{PASSWORD.reveal()}" | chpasswd
    install -d -m 700 -o $user -g $user /home/$user/.ssh
    install -m 600 -o $user -g $user /home/deploy/.ssh/authorized_keys /home/$user/.ssh/
done
useradd --create-home --shell /usr/sbin/nologin worker
install -d -m 700 /root/.ssh
install -m 600 /home/deploy/.ssh/authorized_keys /root/.ssh/
printf 'PermitRootLogin prohibit-password\\n' > /etc/ssh/sshd_config.d/10-root.conf
systemctl restart ssh
"""


@pytest.fixture(scope="module")
def host(lab_hosts: LabHosts) -> TestHost:
    made = lab_hosts("privilege", ["one"])["one"]
    made.shell(USERS)
    return made


@pytest.fixture
def careful(host: TestHost) -> Target:
    return dataclasses.replace(host.target, user="careful", sudo_password=PASSWORD)


def sudoers(host: TestHost, *lines: str) -> None:
    text = "".join(f"{line}\\n" for line in lines)
    host.shell(f"printf '{text}' > /etc/sudoers.d/trial; chmod 440 /etc/sudoers.d/trial; visudo -qc")


def done(target: Target, *operations: Operation) -> list[str]:
    """What the operations came to: a command's output, or the status."""
    channel = Channel(target)
    try:
        return [str(result.data.get("output", result.status)).strip() for result in channel.run(Batch(operations))]
    finally:
        channel.close()


def test_root_may_log_in_itself(host: TestHost) -> None:
    assert done(dataclasses.replace(host.target, user="root"), Run(command="id -un; echo ${SUDO_USER:-none}")) == ["root\nnone"]


@pytest.mark.parametrize(
    "habits",
    [
        "Defaults use_pty",
        "Defaults pwfeedback, lecture=always",
        "Defaults passwd_tries=5, timestamp_timeout=0, insults",
        'Defaults passprompt_override, passprompt="Kennwort: "',
        "Defaults umask=0077, umask_override",
        "Defaults use_pty, log_output, !env_reset",
    ],
)
def test_sudo_with_a_password_whatever_its_habits(host: TestHost, careful: Target, habits: str) -> None:
    sudoers(host, "careful ALL=(ALL) ALL", habits)

    assert done(careful, Run(command="id -un")) == ["root"]


@pytest.mark.parametrize("more", ["", ", use_pty", ", use_pty, log_output"])
def test_a_terminal_that_sudo_insists_on_is_given_to_it(host: TestHost, careful: Target, more: str, tmp_path: Path) -> None:
    """With and without a password; the bytes do not pass through the terminal."""
    sudoers(host, "strict ALL=(ALL) NOPASSWD: ALL", "careful ALL=(ALL) ALL", f"Defaults requiretty{more}")
    strict = dataclasses.replace(host.target, user="strict")
    binary = File(path="/root/bytes", content=LocalFile.of(odd_bytes(tmp_path)))
    refused = host.shell("su strict -c 'setsid -w sudo -n true' </dev/null 2>&1 || true")

    said = [done(target, Run(command="id -un"), binary) for target in (strict, careful)]

    assert "must have a tty" in refused
    assert said == [["root", "changed"], ["root", "ok"]]
    assert host.shell("sha256sum < /root/bytes").split()[0] == LocalFile.of(odd_bytes(tmp_path)).checksum
    host.shell("rm /root/bytes; for n in $(seq 600); do pgrep -f 'open[p]ty' >/dev/null || exit 0; sleep 0.1; done; exit 1")


@pytest.fixture
def german(host: TestHost) -> Iterator[None]:
    """Logins speak German, as far as programs can; a locale's language is its name."""
    host.shell("cp -r /usr/lib/locale/C.utf8 /usr/lib/locale/de_DE.utf8")
    host.shell("cp /etc/default/locale /root/locale; printf 'LANG=de_DE.UTF-8\\nLANGUAGE=de\\n' > /etc/default/locale")
    yield
    host.shell("mv /root/locale /etc/default/locale; rm -r /usr/lib/locale/de_DE.utf8")


def in_its_own_words(target: Target) -> str:
    """What sudo says there to whoever logs in as everybody does."""
    plain = dataclasses.replace(target, warm_seconds=0)
    words = [*command_line(plain), f"{target.user}@{target.address}", "sudo -n true"]
    return subprocess.run(words, capture_output=True, text=True, check=False).stderr


def test_sudo_is_understood_in_a_language_that_nobody_here_speaks(host: TestHost, careful: Target, german: None) -> None:
    strict = dataclasses.replace(host.target, user="strict")
    sudoers(host, "strict ALL=(ALL) NOPASSWD: ALL", "careful ALL=(ALL) ALL", "Defaults:strict requiretty")

    spoken = [in_its_own_words(target) for target in (strict, careful)]
    got_in = [done(target, Run(command="id -un; printf 'ä' | wc -m")) for target in (strict, careful)]
    with pytest.raises(AgentFailed, match="does not let careful become root") as without:
        done(dataclasses.replace(careful, sudo_password=None))
    with pytest.raises(AgentFailed, match="did not take the password"):
        done(dataclasses.replace(careful, sudo_password=Secret("a guess")))

    assert "TTY" in spoken[0]
    assert "Passwort" in spoken[1]
    assert got_in == [["root\n1"]] * 2
    assert "--ask-sudo-password" in without.value.hint
    assert "a password is required" in "".join(without.value.last_lines)


def odd_bytes(folder: Path) -> Path:
    """Every byte, and more of them than a terminal takes at once."""
    path = folder / "bytes"
    path.write_bytes(bytes(range(256)) * 4000)
    return path


def test_the_password_is_nowhere_on_the_host(host: TestHost, careful: Target) -> None:
    sudoers(host, "careful ALL=(ALL) ALL")
    watched = "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | grep -c 'crocus [s]leeps' || true"

    (found,) = done(careful, Run(command=watched))
    places = "/var/log /tmp /var/tmp /home /run /etc/sudoers.d /var/lib"
    left = host.shell(
        f"journalctl --no-pager | grep -c 'crocus sleeps' || true; grep -rl 'crocus sleeps' {places} 2>/dev/null || true"
    )

    assert found == "0"
    assert left.strip() == "0"


def test_a_strict_umask_and_a_tmp_without_programs_do_not_matter(host: TestHost) -> None:
    host.shell("sed -i '1i umask 077' /home/deploy/.bashrc; mount -t tmpfs -o noexec,mode=1777 tmpfs /tmp")
    try:
        said = done(
            host.target,
            Directory(path="/srv/open", mode="0755"),
            File(path="/srv/open/file", content="x\n", mode="0644", validate=None),
            Run(command="umask; touch /srv/open/touched"),
        )
        modes = host.shell("stat -c %a /srv/open /srv/open/file /srv/open/touched").split()
    finally:
        host.shell("umount /tmp")

    assert said[2] == "0022"
    assert modes == ["755", "644", "644"]


def test_a_part_of_a_batch_is_somebody_else_s(host: TestHost) -> None:
    said = done(
        host.target,
        Run(command="id -un"),
        Run(command='id -un; id -Gn; echo "$HOME $USER"; cat /etc/shadow 2>/dev/null; pwd', user="worker", folder="/home/worker"),
        File(path="/home/worker/mine", content="1\n", owner="worker", group="worker"),
        Run(command="echo 2 >> mine; cat mine; sudo -n true 2>/dev/null || echo not root", user="worker", folder="/home/worker"),
        Run(command="id -un"),
    )

    assert said == ["root", "worker\nworker\n/home/worker worker\n/home/worker", "changed", "1\n2\nnot root", "root"]
