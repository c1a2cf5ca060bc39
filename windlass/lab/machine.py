"""One host on this machine: mount it, boot it, look into it, cut its link, power it off."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from windlass.errors import LabError
from windlass.lab import groups, nesting, network
from windlass.lab.description import HostStatus, LabHost
from windlass.lab.folders import remove_tree, unmount_all
from windlass.values import Command

BOOT_LIMIT = 60.0
POWER_OFF_LIMIT = 30.0
NSPAWN = Path("/run/systemd/nspawn")
POWER_OFF_SIGNAL = signal.SIGRTMIN + 4  # what systemd understands as `poweroff`
# nspawn, told to keep the unit it is in, ends with 133 when the host wants a reboot: whoever started it starts it again.
_REBOOTING = 'while "$@"; [ $? -eq 133 ]; do :; done'


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command inside a host came to."""

    code: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        return self.stdout.decode(errors="replace").strip()


def link(host: LabHost) -> str:
    """The host's end of the wire on this machine, as nspawn names it."""
    return f"vb-{host.machine}"


def mount(host: LabHost, below: Sequence[Path]) -> Path:
    """Mount the host's own layer over what it lies on (the uppermost first); the place where it is."""
    root = host.folder / "root"
    unmount_all(root)
    for name in ("upper", "work", "root"):
        (host.folder / name).mkdir(parents=True, exist_ok=True)
    shutil.rmtree(host.folder / "work" / "work" / "incompat", ignore_errors=True)  # says that it was mounted like this before
    # Volatile: fsync waits for no disk. What a host wrote outlives its power cut all the same, for this machine still has it.
    options = f"lowerdir={':'.join(map(str, below))},upperdir={host.folder / 'upper'},workdir={host.folder / 'work'},volatile"
    done = subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, root], capture_output=True, check=False)
    if done.returncode:
        raise LabError(f"the file system of {host.name} cannot be mounted", last_lines=done.stderr.decode().splitlines())
    return root


def launch(host: LabHost, bridge: str) -> None:
    """Start the host's init in the background; it goes on when this program ends."""
    command = [
        *groups.launcher(host.machine), "sh", "-c", _REBOOTING, "sh",
        "systemd-nspawn", "--quiet", "--boot", f"--directory={host.folder / 'root'}",
        f"--machine={host.machine}", f"--hostname={host.name}", "--register=no", "--keep-unit", f"--network-bridge={bridge}",
        "--resolv-conf=off", "--timezone=off", "--link-journal=no", "--console=pipe", *(nesting.OPTIONS if host.docker else []),
    ]  # fmt: skip
    with (host.folder / "log").open("w") as log:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", check=False)
    if done.returncode:
        raise _not_up(host, "its container could not be started")


def wait_until_up(host: LabHost, limit: float = BOOT_LIMIT) -> None:
    """Return when sshd says its banner. Raises LabError, with the console's last words, when it does not in time."""
    deadline = time.monotonic() + limit
    while not answers(host):
        if time.monotonic() > deadline:
            raise _not_up(host, f"sshd did not answer within {limit:.0f} s")
        if not groups.processes(host.machine):
            raise _not_up(host, "its container ended")
        time.sleep(0.05)


def answers(host: LabHost, limit: float = 1.0) -> bool:
    """Whether an SSH server says its banner at the host's address and port."""
    try:
        with socket.create_connection((host.address, host.port), timeout=limit) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def runs_well(host: LabHost) -> bool:
    """Supervisor and init live and sshd answers: such a host is left alone."""
    return bool(groups.supervisor(host.machine) and groups.init(host.machine)) and answers(host)


def run_inside(host: LabHost, command: Command, given: bytes = b"", limit: float = 60.0) -> Answer:
    """Run a command as root inside, without ssh. Raises LabError when the host is off or the time (seconds) is over."""
    pid = groups.init(host.machine)
    if not pid:
        raise LabError(f"{host.name} is not running", host=host.name, hint="boot it; `invoke lab.up` boots all that are down")
    words = ["nsenter", "--target", str(pid), "--all", "--wdns=/", "env", "-i", "LANG=C.UTF-8", "HOME=/root", "TERM=dumb"]
    words += ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", *command.arguments]
    try:
        done = subprocess.run(words, input=given, capture_output=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired as error:
        raise LabError(f"`{command}` on {host.name} took more than {limit:.0f} s", host=host.name) from error
    return Answer(done.returncode, done.stdout, done.stderr)


def power_off(host: LabHost, limit: float = POWER_OFF_LIMIT) -> None:
    """Shut the host down as its power button would, kill what is left after `limit` seconds, unmount."""
    groups.freeze(host.machine, frozen=False)
    if pid := groups.init(host.machine):
        os.kill(pid, POWER_OFF_SIGNAL)
        deadline = time.monotonic() + limit
        while groups.processes(host.machine) and time.monotonic() < deadline:
            time.sleep(0.02)
    cut_power(host)


def cut_power(host: LabHost) -> None:
    """End the host at once, as a pulled plug does, and unmount it. Its layer stays as it was at that moment."""
    groups.end(host.machine)
    _forget_container(host)
    unmount_all(host.folder)
    network.remove_links([link(host)])


def discard(host: LabHost) -> None:
    """The host is gone with all that was in it."""
    cut_power(host)
    remove_tree(host.folder)


def cut_link(host: LabHost) -> None:
    """Pull the host's network cable: packets vanish without a word."""
    network.set_link(link(host), "down")


def mend_link(host: LabHost) -> None:
    """Put the cable back in."""
    network.set_link(link(host), "up")


def freeze(host: LabHost) -> None:
    """Stop the host's processes where they are: it holds its connections and answers nothing."""
    groups.freeze(host.machine, frozen=True)


def thaw(host: LabHost) -> None:
    """Let a frozen host go on."""
    groups.freeze(host.machine, frozen=False)


def status(host: LabHost) -> HostStatus:
    """Whether a host runs and answers, since when (seconds), and the memory that it takes (bytes)."""
    pid = groups.init(host.machine)
    return HostStatus(
        name=host.name,
        address=host.address,
        running=pid != 0,
        answers=pid != 0 and answers(host),
        uptime_seconds=groups.uptime_seconds(pid) if pid else 0.0,
        memory_bytes=groups.memory_bytes(host.machine),
    )


def _forget_container(host: LabHost) -> None:
    """Remove what nspawn leaves under /run when it is killed; call it before the file system is unmounted."""
    root = host.folder / "root"
    if root.exists():
        tree = root.stat()
        (NSPAWN / "locks" / f"inode-{tree.st_dev}:{tree.st_ino}").unlink(missing_ok=True)
    shutil.rmtree(NSPAWN / "propagate" / host.machine, ignore_errors=True)


def _not_up(host: LabHost, why: str) -> LabError:
    log = host.folder / "log"
    lines = log.read_text(errors="replace").splitlines()[-15:] if log.exists() else []
    return LabError(f"host {host.name} did not come up: {why}", host=host.name, last_lines=lines, hint=f"see {log}")
