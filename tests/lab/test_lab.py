"""The lab on this machine: real hosts, booted, broken, healed, saved and taken away."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from windlass import lab
from windlass.errors import LabError
from windlass.lab import groups, machine, network
from windlass.lab import record as records
from windlass.testing.lab import shell
from windlass.values import Command

pytestmark = pytest.mark.lab

SPEC = lab.LabSpec("unit-a", (lab.HostSpec("app1"), lab.HostSpec("db1.example.org", user="admin", port=2222)))
NAMES = ["app1", "db1.example.org"]
MOVED = "unit-moved"


def silent(_line: str) -> None:
    """Tests read results, not progress."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("labs")


@pytest.fixture(scope="module")
def running(root: Path) -> Iterator[lab.Lab]:
    """The lab that most tests share. Each puts back what it breaks, by the lab's own means."""
    try:
        yield lab.up(SPEC, root=root, say=silent)
    finally:
        lab.down(SPEC.name, root=root, say=silent)


def inside(host: lab.LabHost, script: str) -> str:
    """What a shell line, run as root inside, prints; a line that fails fails the test."""
    return shell(host, script, program="/bin/bash")


def ssh(command: Command) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*command.arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False)


def inits(described: lab.Lab) -> dict[str, int]:
    return {name: groups.init(host.machine) for name, host in described.hosts.items()}


def traces(key: str, folder: Path) -> list[str]:
    """Whatever of a lab can still be found on this machine."""
    found = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(folder) in line]
    found += [path.name for path in Path("/sys/class/net").iterdir() if key in path.name]
    found += re.findall(rf"table ip windlass_{key}", subprocess.check_output(["nft", "list", "tables"], text=True))
    found += [str(path) for path in Path("/sys/fs/cgroup").rglob(f"*w{key}h*")]
    commands = (path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists())
    found += [command.decode() for command in commands if str(folder).encode() in command]
    return found + [str(path) for path in (folder, Path("/run/systemd/nspawn/propagate")) for path in path.glob(f"*{key}*")]


@pytest.mark.parametrize("name", NAMES)
def test_systemd_runs_and_nothing_failed(running: lab.Lab, name: str) -> None:
    answer = lab.run_inside(running.hosts[name], Command.of("systemctl", "is-system-running", "--wait"))

    assert answer.text == "running"


@pytest.mark.parametrize("name", NAMES)
def test_openssh_enters_with_the_labs_key_and_known_hosts_and_becomes_root(running: lab.Lab, name: str) -> None:
    done = ssh(running.ssh(name, "hostname; id -un; sudo -n id -un"))

    assert (done.returncode, done.stdout.split()) == (0, [name, running.hosts[name].user, "root"])


def test_a_host_with_another_key_is_refused(running: lab.Lab, tmp_path: Path) -> None:
    other = tmp_path / "known_hosts"
    key = running.known_hosts.read_text().splitlines()[1].split()[1:]
    other.write_text(f"{running.hosts['app1'].address} {' '.join(key)}\n")

    done = ssh(replace(running, known_hosts=other).ssh("app1", "true"))

    assert done.returncode == 255
    assert "Host key verification failed" in done.stderr


def test_an_unknown_host_is_refused(running: lab.Lab, tmp_path: Path) -> None:
    done = ssh(replace(running, known_hosts=tmp_path / "none").ssh("app1", "true"))

    assert (done.returncode, "Host key verification failed" in done.stderr) == (255, True)


def test_neither_root_nor_a_password_gets_in(running: lab.Lab) -> None:
    as_root = replace(running, hosts={"app1": replace(running.hosts["app1"], user="root")})
    settings = inside(running.hosts["app1"], "sshd -T")

    assert "Permission denied (publickey)" in ssh(as_root.ssh("app1", "true")).stderr
    assert {"passwordauthentication no", "permitrootlogin no", "kbdinteractiveauthentication no"} < set(settings.splitlines())


def test_the_key_is_readable_by_its_owner_only(running: lab.Lab) -> None:
    assert running.private_key.stat().st_mode & 0o777 == 0o600


def test_hosts_know_each_other_by_name_and_reach_each_other(running: lab.Lab) -> None:
    line = "getent hosts db1 | cut -d' ' -f1; exec 3<>/dev/tcp/db1.example.org/2222; head -c 4 <&3"

    assert inside(running.hosts["app1"], line).split() == [running.hosts["db1.example.org"].address, "SSH-"]


def test_the_list_of_packages_counts_as_fetched_from_the_sources_that_are_there(running: lab.Lab) -> None:
    found = inside(running.hosts["app1"], "ls /var/lib/apt/lists; find /etc/apt/sources.list* -newer /var/lib/apt/lists")

    assert "_Packages" in found
    assert "/etc/apt" not in found


def test_apt_npm_and_pypi_answer_inside(running: lab.Lab) -> None:
    install = "export DEBIAN_FRONTEND=noninteractive; apt-get update -qq; apt-get install -qq --no-install-recommends python3-pip"

    done = ssh(running.ssh("app1", f"sudo sh -c '{install}' >/dev/null && pip download --quiet --no-deps -d /tmp/wheels six"))
    registry = ssh(running.ssh("app1", f"curl -fsS -o /dev/null -w '%{{http_code}}' {running.npm_registry}is-number"))

    assert (done.returncode, done.stderr) == (0, "")
    assert registry.stdout == "200"


def test_a_second_up_leaves_hosts_alone(running: lab.Lab, root: Path) -> None:
    before = inits(running)

    again = lab.up(SPEC, root=root, say=silent)

    assert (again, inits(again)) == (running, before)
    assert 0 not in before.values()


def test_status_tells_who_runs(running: lab.Lab, root: Path) -> None:
    lab.power_off(running.hosts["app1"])
    _, off = lab.status(SPEC.name, root=root)
    lab.boot(running, "app1", say=silent)
    described, on = lab.status(SPEC.name, root=root)

    assert (off["app1"].running, off["app1"].answers, off["db1.example.org"].answers) == (False, False, True)
    assert (on["app1"].running, on["app1"].answers, described) == (True, True, running)
    assert on["app1"].memory_bytes > 0
    assert 0 < on["app1"].uptime_seconds < on["db1.example.org"].uptime_seconds


def test_up_heals_a_host_whose_supervisor_was_killed(running: lab.Lab, root: Path) -> None:
    inside(running.hosts["app1"], "echo kept >/root/file && sync")
    before = inits(running)
    os.kill(groups.supervisor(running.hosts["app1"].machine), signal.SIGKILL)

    lab.up(SPEC, root=root, say=silent)

    assert inside(running.hosts["app1"], "cat /root/file") == "kept"
    assert inits(running)["app1"] not in {0, before["app1"]}
    assert inits(running)["db1.example.org"] == before["db1.example.org"]


def test_up_heals_after_everything_but_the_disks_is_gone(running: lab.Lab, root: Path) -> None:
    """As after a reboot of this machine: no process, no mount, no bridge, no rule."""
    inside(running.hosts["db1.example.org"], "echo kept >/root/file && sync")
    record = records.read(SPEC.name, root)
    assert record
    for host in running.hosts.values():
        machine.cut_power(host)
    network.remove_links([record.bridge])
    network.remove_rules(record.table)

    lab.up(SPEC, root=root, say=silent)

    assert inside(running.hosts["db1.example.org"], "cat /root/file") == "kept"
    assert ssh(running.ssh("app1", "getent hosts app1 >/dev/null && echo in")).stdout == "in\n"


def test_a_lost_key_is_replaced_and_opens_the_hosts(running: lab.Lab, root: Path) -> None:
    running.private_key.unlink()

    lab.up(SPEC, root=root, say=silent)

    assert ssh(running.ssh("db1.example.org", "echo in")).stdout == "in\n"
    assert inside(running.hosts["app1"], "wc -l </home/deploy/.ssh/authorized_keys") == "1"


def test_a_cut_link_is_silent_until_mended(running: lab.Lab) -> None:
    before = inits(running)
    lab.cut_link(running.hosts["app1"])
    cut = machine.answers(running.hosts["app1"], limit=0.5)
    lab.mend_link(running.hosts["app1"])
    machine.wait_until_up(running.hosts["app1"])

    assert (cut, inits(running)) == (False, before)


def test_a_frozen_host_answers_nothing_until_thawed(running: lab.Lab) -> None:
    before = inits(running)
    lab.freeze(running.hosts["app1"])
    frozen = machine.answers(running.hosts["app1"], limit=0.5)
    lab.thaw(running.hosts["app1"])
    machine.wait_until_up(running.hosts["app1"])

    assert (frozen, inits(running)) == (False, before)


def test_power_off_is_clean_and_a_reboot_keeps_the_disk(running: lab.Lab) -> None:
    host = running.hosts["app1"]
    unit = "[Service]\\nType=oneshot\\nRemainAfterExit=yes\\nExecStart=true\\nExecStop=touch /root/stopped\\n"
    inside(host, f"printf '{unit}' >/etc/systemd/system/witness.service; systemctl daemon-reload; systemctl start witness")

    lab.reboot(running, "app1", say=silent)

    assert inside(host, "ls /root/stopped") == "/root/stopped"


def test_a_changed_specification_is_followed(running: lab.Lab, root: Path) -> None:
    before = inits(running)
    wanted = (replace(SPEC.hosts[0], port=2200, extra_users=("ops",)), lab.HostSpec("web1"))

    changed = lab.up(replace(SPEC, hosts=wanted), root=root, say=silent)
    entered = [ssh(changed.ssh(name, "id -un")).stdout for name in ("app1", "web1")]
    lab.up(replace(SPEC, hosts=(*wanted, lab.HostSpec("late"))), root=root, say=silent)
    known = inside(changed.hosts["web1"], "getent hosts late")
    as_ops = replace(changed, hosts={"app1": replace(changed.hosts["app1"], user="ops")})
    entered.append(ssh(as_ops.ssh("app1", "sudo -n id -un")).stdout)
    gone = groups.processes(running.hosts["db1.example.org"].machine)
    restored = lab.up(SPEC, root=root, say=silent)

    assert entered == ["deploy\n", "deploy\n", "root\n"]
    assert known.endswith("late")
    assert changed.hosts["app1"].address == running.hosts["app1"].address
    assert before["db1.example.org"] not in gone
    assert restored == running


def test_labs_stand_side_by_side_even_with_one_name(running: lab.Lab, tmp_path: Path) -> None:
    before = inits(running)
    spec = replace(SPEC, hosts=SPEC.hosts[:1])
    try:
        other = lab.up(spec, root=tmp_path, say=silent)
        entered = [ssh(each.ssh("app1", "cat /etc/lab/network")).stdout for each in (running, other)]
        line = f"timeout 2 bash -c '</dev/tcp/{other.hosts['app1'].address}/22' && echo reached || echo apart"
        between = inside(running.hosts["app1"], line)
    finally:
        lab.down(spec.name, root=tmp_path, say=silent)

    assert other.subnet != running.subnet
    assert [other.hosts["app1"].address in text for text in entered] == [False, True]
    assert between == "apart"
    assert inits(running) == before
    assert traces(records.lab_key(spec.name, tmp_path), other.hosts["app1"].folder.parent) == []
    assert ssh(running.ssh("app1", "echo in")).stdout == "in\n"


@pytest.mark.usefixtures("running")  # so that the purge finds the base image in use
def test_a_saved_lab_starts_again_as_it_was(tmp_path: Path) -> None:
    spec = lab.LabSpec("unit-saved", SPEC.hosts)
    try:
        first = lab.up(spec, root=tmp_path, say=silent)
        inside(first.hosts["app1"], "echo saved >/root/file; useradd --create-home someone")
        saved = lab.save(first, "setup", fingerprint="one", say=silent)
        inside(first.hosts["app1"], "echo changed >/root/file")
        lab.down(spec.name, root=tmp_path, say=silent)

        second = lab.up(spec, root=tmp_path, source="setup", say=silent)
        seen = [inside(second.hosts["app1"], "cat /root/file; id -un someone")]
        inside(second.hosts["app1"], "echo again >/root/file")
        kept = inits(second)
        seen.append(inside(lab.up(spec, root=tmp_path, source="setup", say=silent).hosts["app1"], "cat /root/file"))
        same = inits(second) == kept
        found = lab.saved_as("one")
        other = lab.LabSpec(MOVED, (lab.HostSpec("app7"), lab.HostSpec("bare")))
        moved = lab.up(other, root=tmp_path, source="setup", of=spec.name, like={"app7": "app1"}, say=silent)
        seen.append(ssh(moved.ssh("app7", "sudo cat /root/file; hostname")).stdout)
        seen.append(inside(moved.hosts["bare"], "ls /root/file 2>/dev/null || id -u someone 2>/dev/null || hostname"))
        entered = ssh(second.ssh("db1.example.org", "id -un")).stdout
        lab.save(second, "later", say=silent)
        with pytest.raises(LabError, match="does not stem from snapshot setup"):
            lab.up(spec, root=tmp_path, source="setup", say=silent)
        listed = {name: snapshot.fingerprint for name, snapshot in lab.snapshots(spec.name).items()}
    finally:
        lab.down(MOVED, root=tmp_path, say=silent)
        lab.down(spec.name, root=tmp_path, say=silent, purge=True)

    assert seen == ["saved\nsomeone", "again", "saved\napp7\n", "bare"]
    assert found == saved
    assert moved.subnet != second.subnet
    assert (same, entered, listed) == (True, "admin\n", {"later": "", "setup": "one"})
    assert {name: host.address for name, host in first.hosts.items()} == {name: host.address for name, host in second.hosts.items()}
    assert first.private_key == second.private_key
    assert lab.snapshots(spec.name) == {}
    assert not (first.hosts["app1"].folder.parents[2] / "layers" / saved.layers[-1]).exists()


def test_a_running_lab_is_not_thrown_away_for_a_snapshot(running: lab.Lab, root: Path) -> None:
    before = inits(running)

    with pytest.raises(LabError, match="no snapshot 'never'"):
        lab.up(SPEC, root=root, source="never", say=silent)

    assert inits(running) == before


def test_down_leaves_nothing(tmp_path: Path) -> None:
    spec = lab.LabSpec("unit-gone", SPEC.hosts[:1])
    described = lab.up(spec, root=tmp_path, say=silent)
    key, folder = records.lab_key(spec.name, tmp_path), described.hosts["app1"].folder.parent
    there = traces(key, folder)

    lab.down(spec.name, root=tmp_path, say=silent)
    lab.down(spec.name, root=tmp_path, say=silent)

    assert len(there) >= 4
    assert traces(key, folder) == []
    assert (folder.exists(), described.directory.exists(), lab.list_labs(tmp_path)) == (False, False, [])


def test_a_lab_whose_folder_was_deleted_is_cleared_away_by_the_next_one(tmp_path: Path) -> None:
    spec = lab.LabSpec("unit-lost", SPEC.hosts[:1])
    lost = lab.up(spec, root=tmp_path / "lost", say=silent)
    key, folder = records.lab_key(spec.name, tmp_path / "lost"), lost.hosts["app1"].folder.parent
    subprocess.run(["rm", "-r", lost.directory], check=True)

    try:
        lab.up(replace(spec, name="unit-next"), root=tmp_path, say=silent)
        assert traces(key, folder) == []
    finally:
        lab.down("unit-next", root=tmp_path, say=silent)
        lab.down(spec.name, root=tmp_path / "lost", say=silent)
