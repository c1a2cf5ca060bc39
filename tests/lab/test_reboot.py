"""A host that reboots in the middle of a batch comes back, and what follows is done then."""

from __future__ import annotations

import pytest

from tests.lab.conftest import LabHosts, TestHost
from windlass import events
from windlass.errors import ConnectionFailed, HeldByAnother, OperationFailed
from windlass.hosts.many.fleet import Fleet
from windlass.operations.command import Run
from windlass.operations.file import File
from windlass.operations.reboot import Reboot
from windlass.operations.wire import Batch
from windlass.values import new_run_id

pytestmark = pytest.mark.lab
BOOT_ID = "cat /proc/sys/kernel/random/boot_id"


@pytest.fixture(scope="module")
def host(lab_hosts: LabHosts) -> TestHost:
    return lab_hosts("reboot", ["one"])["one"]


def run(host: TestHost, batch: Batch, listener: events.Listener = events.nobody) -> list[str]:
    with Fleet([host.target], listener) as fleet:
        outcome = fleet.run({"one": batch})["one"]
    assert not isinstance(outcome, Exception), outcome
    return [result.status for result in outcome]


def test_what_follows_a_reboot_is_done_after_it_and_knows_what_changed_before(host: TestHost) -> None:
    setting = File(path="/etc/windlass-kernel.conf", content="tulip\n")
    reboot = Reboot(reason="new kernel", reboot_on=(setting,))
    batch = Batch(
        (
            Run(command=f"{BOOT_ID} > /root/before", creates="/root/before"),
            setting,
            reboot,
            Run(command=f"{BOOT_ID} > /root/after", run_on=(setting,)),
            File(path="/root/too-late", content="x", only_after=(setting,)),
            Reboot(when_required=True),
        )
    )
    notes: list[str] = []

    def hear(event: events.Event) -> None:
        if isinstance(event, events.Note):
            notes.append(event.text.partition(" after ")[0])

    checked = run(host, Batch(batch.operations, check=True))
    first = run(host, batch, hear)
    second = run(host, batch)

    assert checked == ["changed", "changed", "changed", "changed", "changed", "ok"]
    assert first == ["changed", "changed", "changed", "changed", "changed", "ok"]
    assert second == ["ok", "ok", "ok", "ok", "skipped", "ok"]
    assert notes == ["reboots", "is back"]
    before, after, now = host.shell(f"cat /root/before /root/after; {BOOT_ID}").split()
    assert before != after == now


def test_a_journaled_batch_whose_run_ended_after_the_reboot_is_gone_on_with(host: TestHost) -> None:
    """What was done before it is not done again, the host does not reboot again, and the reload owed from before is paid."""
    host.shell("touch /root/stop; rm -f /root/paid")
    setting = File(path="/etc/windlass-owed.conf", content="iris\n")
    batch = Batch(
        (
            Run(command="echo blind >> /root/blind"),
            setting,
            Reboot(),
            Run(command="test ! -e /root/stop"),
            Run(command="echo paid >> /root/paid", run_on=(setting,)),
        ),
        journal=f"{new_run_id()}.one",
    )
    before = host.shell(BOOT_ID)

    with Fleet([host.target]) as fleet:
        broke = fleet.run({"one": batch})["one"]
    between = host.shell(BOOT_ID)
    host.shell("rm /root/stop")
    resumed = run(host, batch)

    assert isinstance(broke, OperationFailed)
    assert resumed == ["changed", "changed", "ok", "changed", "changed"]
    assert host.shell("cat /root/blind /root/paid").split() == ["blind", "paid"]
    assert before != between == host.shell(BOOT_ID)


def test_a_reboot_that_is_owed_or_required_is_done(host: TestHost) -> None:
    setting = File(path="/etc/windlass-kernel.conf", content="crocus\n")
    owed = Reboot(reboot_on=(setting,))
    before = host.shell(BOOT_ID)

    with Fleet([host.target]) as fleet:
        fleet.run({"one": Batch((setting, Run(command="false"), owed))})
    assert host.shell(BOOT_ID) == before
    assert run(host, Batch((setting, owed))) == ["ok", "changed"]
    between = host.shell(BOOT_ID)
    host.shell("touch /run/reboot-required")
    assert run(host, Batch((Reboot(when_required=True),))) == ["changed"]

    assert len({before, between, host.shell(BOOT_ID)}) == 3


AT_WORK = """
mkdir -p /run/windlass/lock
echo '{"holder": "ada@desk", "purpose": "deploy shop --env production"}' > /run/windlass/lock/app-shop
flock /run/windlass/lock/app-shop sleep 600 </dev/null >/dev/null 2>&1 & echo $! > /root/at-work
while flock -n /run/windlass/lock/app-shop true; do sleep 0.05; done
"""


def test_a_host_on_which_another_run_is_at_work_is_not_rebooted(host: TestHost) -> None:
    before = host.shell(f"{AT_WORK}\n{BOOT_ID}")
    with Fleet([host.target]) as fleet:
        outcome = fleet.run({"one": Batch((Reboot(),))})["one"]
    after = host.shell(f"pkill -P $(cat /root/at-work); rm /run/windlass/lock/app-shop; {BOOT_ID}")

    assert isinstance(outcome, HeldByAnother)
    assert outcome.message == "one: it is not rebooted: app-shop is locked by ada@desk: deploy shop --env production"
    assert "then run the same again" in outcome.hint
    assert after == before


def test_a_host_that_stays_away_is_named_with_what_stands_in_the_way(host: TestHost) -> None:
    host.shell("systemctl mask --quiet ssh.service ssh.socket")
    try:
        with Fleet([host.target]) as fleet:
            outcome = fleet.run({"one": Batch((Reboot(limit_seconds=3), File(path="/root/never", content="x")))})["one"]
    finally:
        host.shell(
            "systemctl is-system-running --wait --quiet || true; systemctl unmask --quiet ssh.service ssh.socket\n"
            "systemctl start ssh"
        )
    host.shell("test ! -e /root/never")

    assert isinstance(outcome, ConnectionFailed)
    assert "one did not come back from its reboot within 3.0 s: " in outcome.message
