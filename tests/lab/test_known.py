"""What an unchanged host costs, in exact numbers, and that what was asked once for a batch is never stale."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import pytest

from tests.lab.conftest import LabHosts, TestHost
from windlass.hosts.agent import agent_modules
from windlass.hosts.channel import Channel
from windlass.operations.command import Run
from windlass.operations.package import Package
from windlass.operations.service import Service
from windlass.operations.wire import Batch
from windlass.values import Command

pytestmark = pytest.mark.lab
# The real programs, each behind one that counts.
COUNTERS = """
for name in systemctl dpkg-query; do
    printf '#!/bin/sh\\necho %s >>/run/programs\\nexec /usr/bin/%s "$@"\\n' $name $name >/usr/local/bin/$name
    chmod +x /usr/local/bin/$name
done
"""
COMPARED = """
from windlass.agent.core import manager, process, units
listed = process.must(["systemctl", "list-units", "--all", "--plain", "--no-legend"]).text.splitlines()
names = [line.split()[0] for line in listed] + ["none-such.service", "1@an-instance.service"]
print(len(names) > 50, manager.ask(names, units.PROPERTIES) == units.by_systemctl(names), manager.ask(["a b/c"], units.PROPERTIES))
"""


@pytest.fixture(scope="module")
def host(lab_hosts: LabHosts) -> TestHost:
    return lab_hosts("known", ["one"])["one"]


@pytest.fixture
def channel(host: TestHost) -> Iterator[Channel]:
    opened = Channel(host.target)
    yield opened
    opened.close()


def test_an_unchanged_host_starts_one_program_for_any_number_of_packages_and_services(host: TestHost, channel: Channel) -> None:
    """What is installed stands in dpkg's file; what is not, and for what reason, dpkg is asked. systemd answers by itself."""
    host.shell(COUNTERS)
    operations = (
        *(Package(names=(name,)) for name in ("cron", "sudo", "procps")),
        *(Package(names=(name,), absent=True) for name in ("telnetd", "rsh-server")),
        *(Service(name=name) for name in ("cron", "ssh", "dbus")),
    )

    results = channel.run(Batch(operations))

    assert {result.status for result in results} == {"ok"}
    asked = host.shell("cat /run/programs; rm /run/programs /usr/local/bin/systemctl /usr/local/bin/dpkg-query")
    assert asked.split() == ["dpkg-query"]
    assert channel.round_trips == 2  # the hello, and the batch


def test_systemd_says_of_every_unit_what_systemctl_says(host: TestHost) -> None:
    """Of those that there are not, too; what is no unit's name is left to systemctl."""
    modules = agent_modules.texts(agent_modules.needed("windlass.agent.core.units"))
    packages = {name.rpartition(".")[0] for name in modules}
    script = "mkdir -p /root/agent/windlass/agent/core && cd /root/agent\n"
    for name, text in modules.items():
        path = name.replace(".", "/") + ("/__init__.py" if name in packages else ".py")
        script += f"printf %s {shlex.quote(text)} >{path}\n"

    assert host.shell(f"{script}python3 -c {shlex.quote(COMPARED)}; rm -r /root/agent").split() == ["True", "True", "None"]


def test_what_a_command_changes_is_seen_by_what_comes_after_it(channel: Channel) -> None:
    stop, remove = Command.of("systemctl", "stop", "cron"), Command.of("dpkg", "--force-all", "--purge", "curl")
    operations = (
        Service(name="cron"),
        Run(command=stop),
        Service(name="cron"),
        Package(names=("curl",)),
        Run(command=remove),
        Package(names=("curl",), absent=True),
    )

    results = channel.run(Batch(operations))

    assert [result.status for result in results] == ["ok", "changed", "changed", "ok", "changed", "ok"]


def test_what_the_agent_keeps_of_itself_is_trusted_only_when_it_is_just_so(host: TestHost) -> None:
    """Its modules as this host compiled them, until the next boot."""

    def cron() -> str:
        opened = Channel(host.target)
        try:
            return opened.run(Batch((Service(name="cron"),)))[0].status
        finally:
            opened.close()

    garbage = "cd /run/windlass/code && for each in *; do echo garbage >$each; done"
    spoiled = "grep -lx garbage /run/windlass/code/* | wc -l"

    assert cron() == "ok"
    assert host.shell("stat -c '%a %U' /run/windlass/code").strip() == "700 root"
    assert int(host.shell("ls /run/windlass/code | wc -l")) >= 2  # what the loop needs, and what this batch does
    host.shell(garbage)
    assert cron() == "ok"
    assert int(host.shell(spoiled)) < int(host.shell("ls /run/windlass/code | wc -l"))  # made anew, as far as it was needed

    host.shell(garbage + "; chmod 755 .")
    assert cron() == "ok"
    assert host.shell(spoiled) == host.shell("ls /run/windlass/code | wc -l")  # not even looked at
    host.shell("rm -r /run/windlass/code")
    assert cron() == "ok"
