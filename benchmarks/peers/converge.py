"""W1: 25 operations on hosts that have none of it (first) and on hosts where all is so (unchanged)."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import yaml

from benchmarks.peers.far import NEAR, far_away
from benchmarks.peers.ground import FOLDER, At, Ground, kept, seeded
from benchmarks.peers.installed import mitogen_settings, programs
from benchmarks.peers.meter import Cost, Job
from benchmarks.peers.meter import measure as measured_cost
from benchmarks.peers.results import Found, Measured

WORK = Path(__file__).parent / "work"
PROJECT = FOLDER / "project"
KEX = "-o KexAlgorithms=curve25519-sha256"
SSH = f"-o ControlMaster=auto -o ControlPersist=60s {KEX} -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes -F none"
BLANK = """
crontab -r -u appuser 2>/dev/null || true
rm -f /etc/cron.d/app-job
for user in appuser worker; do id -u $user >/dev/null 2>&1 && userdel -r $user 2>/dev/null || true; done
getent group app >/dev/null && groupdel app || true
rm -rf /opt/app /etc/app
sed -i '/^APP_ENV=prod$/d' /etc/environment; sed -i '/^export APP=1$/d' /etc/profile
sed -i '/^appuser soft nofile/d' /etc/security/limits.conf
systemctl disable -q --now nginx cron 2>/dev/null
"""
TEMPLATE = """\
# app config {number}
name = {{{{ app_name }}}}-{number}
port = {{{{ 8000 + {number} }}}}
workers ={{% for w in workers %}} {{{{ loop.index }}}}:{{{{ w.name }}}}:{{{{ w.weight }}}}{{% endfor %}} ;
debug = {{% if debug %}}on{{% else %}}off{{% endif %}} .
"""


def lay_out() -> None:
    """The project's folder: templates and files for all, and each tool's own words beside them."""
    for name, size in (("small.bin", 4096), ("big.bin", 1 << 20)):
        seeded(PROJECT / "files" / name, size)
    templates = PROJECT / "templates" / "work"
    templates.mkdir(parents=True, exist_ok=True)
    for number in range(1, 7):
        options = "".join(f"opt_{line} = {(number * 7919 + line * 104729) % 10007 / 10007:.16f}\n" for line in range(30))
        (templates / f"t{number}.conf.j2").write_text(TEMPLATE.format(number=number) + options)
    shutil.copytree(WORK / "role", PROJECT / "roles" / "work", dirs_exist_ok=True)
    shutil.copytree(WORK / "carry", PROJECT / "roles" / "carry", dirs_exist_ok=True)
    for name in ("playbook.yml", "deploy.py", "by_hand.py", "release_by_hand.py", "bare_paramiko.py"):
        shutil.copy(WORK / name, PROJECT)


def windlass(
    ground: Ground,
    places: Sequence[At],
    role: str = "work",
    variables: Mapping[str, object] | None = None,
    transport: str = "paramiko",
) -> Job:
    """The installed program in a user's project, with an inventory of these hosts."""
    name = f"{role}{len(places)}-{places[0].port}{transport[:1]}"
    folder = PROJECT / "inventories" / name
    document = {
        "environment": {"user": places[0].user, **way(ground, transport)},
        "hosts": {at.name: {"address": at.address, "port": at.port} for at in places},
        "groups": {"all": {"roles": [role]}},
        "variables": dict(variables or {}),
    }
    kept(folder / "hosts.yml", yaml.safe_dump(document, sort_keys=False))
    command = [str(Path(sys.executable).parent / "windlass"), "setup", "--env", name]
    return Job(command=command, folder=PROJECT, environment={"HOME": str(FOLDER / "home")})


def way(ground: Ground, transport: str) -> dict[str, object]:
    """How our inventories say that hosts are reached. No connection is kept for the next run."""
    return {"private_key": str(ground.key), "known_hosts": str(ground.known_hosts), "transport": transport, "warm_seconds": 0}


def tuned(ground: Ground, places: Sequence[At]) -> Job:
    """The same with `transport: libssh2`, as peers are tuned, too."""
    return windlass(ground, places, transport="libssh2")


def by_openssh(ground: Ground, places: Sequence[At]) -> Job:
    """The same with `transport: openssh`, which Ansible uses as well; no connection is kept for the next run."""
    return windlass(ground, places, transport="openssh")


def ansible(ground: Ground, places: Sequence[At]) -> Job:
    """Tuned: a fork for each host, pipelining, connections kept, the interpreter named, no facts."""
    inventory = PROJECT / f"ansible{len(places)}-{places[0].port}.ini"
    lines = [f"{at.name} ansible_host={at.address} ansible_port={at.port} ansible_user={at.user}" for at in places]
    own = f"ansible_ssh_private_key_file={ground.key} ansible_python_interpreter=/usr/bin/python3"
    inventory.write_text("\n".join(f"{line} {own}" for line in lines) + "\n")
    environment = {
        "ANSIBLE_FORKS": str(len(places)),
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_GATHERING": "explicit",
        "ANSIBLE_SSH_ARGS": f"{SSH} -o UserKnownHostsFile={ground.known_hosts}",
        "ANSIBLE_SSH_CONTROL_PATH_DIR": "/tmp/windlass-peers",  # noqa: S108 - a socket's path must be short
        "ANSIBLE_HOME": str(FOLDER / "home" / ".ansible"),
        "ANSIBLE_NOCOLOR": "1",
    }
    command = [str(programs("ansible") / "ansible-playbook"), "-i", str(inventory), "playbook.yml"]
    return Job(command=command, folder=PROJECT, environment=environment)


def mitogen(ground: Ground, places: Sequence[At]) -> Job:
    """The same with Mitogen's strategy."""
    plain = ansible(ground, places)
    return Job(command=plain.command, folder=PROJECT, environment={**plain.environment, **mitogen_settings()})


def pyinfra(ground: Ground, places: Sequence[At]) -> Job:
    """As it comes."""
    inventory = PROJECT / f"pyinfra{len(places)}-{places[0].port}.py"
    own = {"ssh_key": str(ground.key), "ssh_known_hosts_file": str(ground.known_hosts), "ssh_strict_host_key_checking": "yes"}
    hosts = [(at.name, {"ssh_hostname": at.address, "ssh_port": at.port, "ssh_user": at.user, **own}) for at in places]
    inventory.write_text(f"hosts = {hosts!r}\n")
    return Job(command=[str(programs("pyinfra") / "pyinfra"), "-y", inventory.name, "deploy.py"], folder=PROJECT)


def fabric(ground: Ground, places: Sequence[At]) -> Job:
    """By hand: a shell command through sudo for each operation, a thread for each host."""
    names = [f"{at.user}@{at.address}:{at.port}" for at in places]
    python = programs("fabric") / "python"
    return Job(command=[str(python), "by_hand.py", str(ground.key), str(ground.known_hosts), *names], folder=PROJECT)


def openssh_floor(ground: Ground, places: Sequence[At]) -> Job:
    """What no client is faster than: `true` through OpenSSH on all of them at once."""
    own = f"-i {ground.key} -o UserKnownHostsFile={ground.known_hosts} -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes"
    calls = [f"ssh -F none {KEX} {own} -p {at.port} {at.user}@{at.address} true &" for at in places]
    return Job(command=["/bin/sh", "-c", "\n".join([*calls, "wait"])], folder=PROJECT)


def paramiko_floor(ground: Ground, places: Sequence[At]) -> Job:
    """The same through bare Paramiko, a thread for each host."""
    names = [f"{at.user}@{at.address}:{at.port}" for at in places]
    python = programs("fabric") / "python"
    return Job(command=[str(python), "bare_paramiko.py", str(ground.key), str(ground.known_hosts), *names], folder=PROJECT)


CONTENDERS: Mapping[str, Callable[[Ground, Sequence[At]], Job]] = {
    "windlass": tuned,
    "ansible": ansible,
    "mitogen": mitogen,
    "pyinfra": pyinfra,
    "fabric": fabric,
    "windlass by openssh": by_openssh,
    "windlass by paramiko": windlass,
}
FLOORS: Mapping[str, Callable[[Ground, Sequence[At]], Job]] = {
    "OpenSSH true (floor)": openssh_floor,
    "Paramiko true (floor)": paramiko_floor,
}

UNCHANGED = {
    "windlass": "nothing had to change",
    "windlass by openssh": "nothing had to change",
    "windlass by paramiko": "nothing had to change",
    "ansible": "changed=0",
    "mitogen": "changed=0",
}


def contenders(wanted: argparse.Namespace) -> list[str]:
    """Ours, and the peers that are asked for."""
    return [name for name in CONTENDERS if name == "windlass" or name in wanted.peers]


def measure(ground: Ground, wanted: argparse.Namespace, found: Found) -> None:
    """First runs on blank hosts, then runs that find all as it should be; before each kind one that does not count."""
    who = contenders(wanted)
    for count in wanted.hosts:
        places = ground.hosts[:count]
        if not wanted.unchanged:
            _observe(ground, places, found, who, f"first@{count}")
        for _ in range(0 if wanted.unchanged else wanted.rounds):
            for contender in who:
                ground.on_each(places, BLANK)
                run_one(ground, places, contender, found, f"first@{count}")
        case = f"unchanged@{count}"
        _observe(ground, places, found, (*who, *FLOORS), case)  # each keeps its cron entry in a place of its own
        for _ in range(0 if wanted.first else wanted.rounds):
            for contender in (*who, *FLOORS):
                run_one(ground, places, contender, found, case)


def _observe(ground: Ground, places: Sequence[At], found: Found, who: Sequence[str], case: str) -> None:
    """A run each that does not count: memory is looked at, and a proxy counts how often a host is waited for."""
    for contender in who:
        if case.startswith("first"):
            ground.on_each(places, BLANK)
        with far_away(ground, places, NEAR) as distant:
            distant.flights()
            cost = run_one(ground, distant.places, contender, None, case, sample=sample_of(contender))
            found.remember(case, contender, cost)
            if cost and not cost.status:
                found.trips[case][contender] = distant.flights()
        if contender.startswith("windlass"):  # as everybody's command, this one had been run before
            run_one(ground, places, contender, None, case)


def sample_of(contender: str) -> float:
    """Seconds between two looks at a contender's memory: what is soon over is looked at more often."""
    return 0.02 if contender.startswith("windlass") or contender in FLOORS else 0.2


def run_one(
    ground: Ground, places: Sequence[At], contender: str, found: Found | None, case: str, *, sample: float = 0.0
) -> Cost | None:
    """One run of one contender; a peer that cannot even be installed is a failed one."""
    try:
        job = {**CONTENDERS, **FLOORS}[contender](ground, places)
    except (OSError, subprocess.CalledProcessError) as error:
        if found:
            found.failed[case][contender] = str(error)
        return None
    with ground.counted() as carried:
        cost = measured_cost(job, sample=sample)
    if found:
        fine = not case.startswith("unchanged") or UNCHANGED.get(contender, "") in cost.output
        found.add(case, contender, Measured(cost, *carried), fine=fine)
    return cost
