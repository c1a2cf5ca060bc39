"""W2, fan-out: `true` on 1, 8, 32, 100 and 200 hosts, which are addresses of one container with an sshd each.

    sudo -E .venv/bin/python -m benchmarks.fanout                        about ten minutes
    sudo -E .venv/bin/python -m benchmarks.fanout --hosts 8 --rounds 1 --dry

Contenders take turns in one run: ours by libssh2 (the agent started, one batch), the same by two worker processes, ours by
Paramiko, bare Paramiko in as many threads as hosts, OpenSSH with curve25519 in parallel, Fabric's ThreadingGroup, Ansible's `raw`
with a fork for each host up to a hundred (nothing runs on the host but the command), the same with Mitogen, pyinfra's `exec`. Each
is a process of its own, its start included.
"""

# ruff: noqa: PLC0415 - each contender loads only what it needs: its start counts

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import fanout_line
from benchmarks.figures import merge, rewrite, spread
from benchmarks.peers.installed import mitogen_settings, programs
from benchmarks.peers.meter import Job, measure
from windlass import lab
from windlass.hosts.common.target import Transport

PROJECT = Path(__file__).resolve().parent.parent
FIGURES, PAGE = PROJECT / "docs" / "benchmarks.json", PROJECT / "docs" / "benchmarks.md"
SIZES = (1, 8, 32, 100, 200)
SAMPLE = 0.05  # seconds between two looks at the memory, in runs of their own
Given = dict[str, Any]


def ours(given: Given, transport: Transport = "libssh2", workers: int = 0) -> None:
    """What `invoke run true` does once the inventory is read."""
    from windlass.flows.commit import confirmer
    from windlass.hosts.common.target import Target
    from windlass.hosts.many.crew import Hands, crew_of
    from windlass.hosts.many.fleet import errors_of
    from windlass.operations.command import Run
    from windlass.operations.wire import Batch

    key, known = Path(given["key"]), Path(given["known_hosts"])
    way: Any = {"user": "root", "private_key": key, "known_hosts": known, "transport": transport}
    targets = [Target(name=each, address=each, **way) for each in given["addresses"]]
    batch = Batch((Run(command="true", changed=False),))
    with crew_of(Hands(workers=workers), targets, lambda _event: None, confirmer) as crew:
        failed = errors_of(crew.run({target.name: batch for target in targets}))
    for name, error in list(failed.items())[:3]:
        print(f"{name}: {error.message}; {error.hint} {error.last_lines}")
    assert not failed, f"{len(failed)} of {len(targets)}"


def paramiko_threads(given: Given) -> None:
    """As little as Paramiko needs: one key, parsed once; TCP_NODELAY is not set, as it is by default."""
    import paramiko

    key = paramiko.Ed25519Key.from_private_key_file(given["key"])

    def one(address: str) -> int:
        client = paramiko.SSHClient()
        client.load_host_keys(given["known_hosts"])
        client.connect(address, username="root", pkey=key, look_for_keys=False, allow_agent=False)
        status: int = client.exec_command("true")[1].channel.recv_exit_status()
        client.close()
        return status

    with ThreadPoolExecutor(len(given["addresses"])) as pool:
        assert not any(pool.map(one, given["addresses"]))


def fabric_group(given: Given) -> None:
    import paramiko
    from fabric import Connection, ThreadingGroup

    options = {"key_filename": given["key"], "look_for_keys": False, "allow_agent": False}
    connections = [Connection(each, user="root", connect_kwargs=options) for each in given["addresses"]]
    for connection in connections:
        connection.client.load_host_keys(given["known_hosts"])
        connection.client.set_missing_host_key_policy(paramiko.RejectPolicy())
    ThreadingGroup.from_connections(connections).run("true", hide=True)


def openssh(given: Given) -> None:
    """Thirty-two at a time: more is slower here."""
    words = [
        "ssh",
        "-F",
        "none",
        "-i",
        given["key"],
        "-o",
        "IdentitiesOnly=yes",
        "-o",
        f"UserKnownHostsFile={given['known_hosts']}",
    ]
    words += ["-o", "StrictHostKeyChecking=yes", "-o", "KexAlgorithms=curve25519-sha256", "-o", "BatchMode=yes", "-l", "root"]
    subprocess.run(["xargs", "-P", "32", "-I{}", *words, "{}", "true"], input="\n".join(given["addresses"]), text=True, check=True)


def ansible_raw(given: Given, **more: str) -> None:
    """The least that Ansible can do: no Python there, connections by curve25519, none to be kept."""
    inventory = Path(given["folder"]) / f"ansible-{len(given['addresses'])}.ini"
    own = f"ansible_user=root ansible_ssh_private_key_file={given['key']}"
    inventory.write_text("".join(f"{each} {own}\n" for each in given["addresses"]))
    options = f"-F none -o KexAlgorithms=curve25519-sha256 -o IdentitiesOnly=yes -o UserKnownHostsFile={given['known_hosts']}"
    settings = {
        "ANSIBLE_FORKS": str(min(len(given["addresses"]), 100)),
        "ANSIBLE_SSH_ARGS": options,
        "ANSIBLE_NOCOLOR": "1",
        **more,
    }
    command = [str(programs("ansible") / "ansible"), "all", "-i", str(inventory), "-m", "raw", "-a", "true"]
    subprocess.run(command, env={**os.environ, **settings}, check=True, stdout=subprocess.DEVNULL)


def mitogen_raw(given: Given) -> None:
    """The same by Mitogen's strategy, which starts a Python there."""
    ansible_raw(given, **mitogen_settings())


def pyinfra_exec(given: Given) -> None:
    inventory = Path(given["folder"]) / f"pyinfra_{len(given['addresses'])}.py"
    own = {"ssh_user": "root", "ssh_key": given["key"], "ssh_known_hosts_file": given["known_hosts"]}
    inventory.write_text(f"hosts = {[(each, own) for each in given['addresses']]!r}\n")
    command = [str(programs("pyinfra") / "pyinfra"), "-y", str(inventory), "exec", "--", "true"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


CONTENDERS: dict[str, Callable[[Given], None]] = {
    "windlass": ours,
    "windlass_two_workers": partial(ours, workers=2),
    "windlass_by_paramiko": partial(ours, transport="paramiko"),
    "paramiko_threads": paramiko_threads,
    "openssh_curve25519": openssh,
    "fabric_threading_group": fabric_group,
    "ansible_raw": ansible_raw,
    "mitogen_raw": mitogen_raw,
    "pyinfra_exec": pyinfra_exec,
}


MOST_HOSTS = {"mitogen_raw": 32}  # with a hundred it takes a minute and more, each round


def figures(name: str, plan: Path, rounds: Sequence[Any]) -> dict[str, Any]:
    """Wall and processor seconds of all rounds, and the peak of memory in a run of its own."""
    peak = measure(job(name, plan), sample=SAMPLE).mebibytes
    return {
        "seconds": spread([each.seconds for each in rounds]),
        "processor_seconds": spread([each.processor for each in rounds]),
        "mebibytes": round(peak, 1),
    }


def job(name: str, plan: Path) -> Job:
    return Job(command=[sys.executable, "-m", "benchmarks.fanout", "--contend", name, "--plan", str(plan)], folder=PROJECT)


def contest(plan: Path, size: int, rounds: int) -> dict[str, Any]:
    """All contenders in turn, so many rounds."""
    costs: dict[str, list[Any]] = {name: [] for name in CONTENDERS if size <= MOST_HOSTS.get(name, size)}
    for _ in range(rounds):
        for name, good in costs.items():
            cost = measure(job(name, plan))
            print(f"{name}: {cost.seconds:.2f} s, {cost.processor:.2f} s CPU, exit {cost.status}", flush=True)
            if cost.status:
                print(cost.output[-1000:], flush=True)
            else:
                good.append(cost)
    return {name: figures(name, plan, found) for name, found in costs.items() if found}


def compared(sizes: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Each peer's median divided by ours, by number of hosts, and what a further host costs in memory."""
    ratios = {
        size: {
            name: round(found[name]["seconds"]["median"] / found["windlass"]["seconds"]["median"], 2)
            for name in found
            if name != "windlass"
        }
        for size, found in sizes.items()
        if "windlass" in found
    }
    by_size = sorted((int(size), found["windlass"]["mebibytes"]) for size, found in sizes.items() if "windlass" in found)
    grown = [(more - less) / (hosts - fewer) for (fewer, less), (hosts, more) in itertools.pairwise(by_size)]
    return {"compared": ratios, "mebibytes_a_host": round(statistics.median(grown), 2) if grown else None}


def table(found: Mapping[str, Any]) -> str:
    """For people: wall time by number of hosts, ours first, and what our processes took."""
    sizes = found["hosts"]
    names = [name for name in CONTENDERS if any(name in each for each in sizes.values())]
    lines = ["| | " + " | ".join(f"{size} host{'s' * (size != '1')}" for size in sizes) + " |", "|---" * (len(sizes) + 1) + "|"]
    for name in names:
        seconds = [
            f"{each[name]['seconds']['median']:.2f} s" if name in each else _why_not(name, int(size))
            for size, each in sizes.items()
        ]
        lines.append(f"| {name.replace('_', ' ')} | " + " | ".join(seconds) + " |")
    for what, unit in (("processor_seconds", "s of processor"), ("mebibytes", "MiB at most")):
        values = [each["windlass"][what] for each in sizes.values() if "windlass" in each]
        shown = [f"{value['median']:.2f}" if isinstance(value, dict) else f"{value:.0f}" for value in values]
        lines.append(f"| windlass, {unit} | " + " | ".join(shown) + " |")
    return "\n".join(lines) + f"\n\nA further host takes {found['mebibytes_a_host']} MiB of the controller's memory."


def _why_not(name: str, size: int) -> str:
    return "failed" if size <= MOST_HOSTS.get(name, size) else ""


def measured(sizes: Sequence[int], rounds: int, known: Mapping[str, Any]) -> dict[str, Any]:
    """Boot the container, spread it over the addresses, and let them all run. Without rounds what is `known` stays, and only
    what goes over the line is looked at."""
    with tempfile.TemporaryDirectory(prefix="windlass-fanout-") as folder:
        root = Path(folder)
        running = lab.up(lab.LabSpec("fanout-bench", (lab.HostSpec("many", user="root"),)), root=root, say=print)
        try:
            addresses = [host.address for host in lab.spread(running, "many", max(*sizes, fanout_line.HOSTS))]
            given = {"key": str(running.private_key), "known_hosts": str(running.known_hosts), "folder": folder}
            found = {str(size): _of_size(size, rounds, given | {"addresses": addresses[:size]}) for size in sizes if rounds}
            line = fanout_line.on_the_line(running, addresses, given, {name: partial(job, name) for name in CONTENDERS})
        finally:
            lab.down("fanout-bench", root=root, say=print)
    kept = known if not rounds else {"hosts": found, **compared(found)}
    return {**kept, "line": line, "kernel": platform.release(), "python": platform.python_version()}


def _of_size(size: int, rounds: int, given: Given) -> dict[str, Any]:
    print(f"{size} hosts", flush=True)
    plan = Path(given["folder"]) / f"{size}.json"
    plan.write_text(json.dumps(given), encoding="utf-8")
    return contest(plan, size, rounds)


def _known() -> dict[str, Any]:
    figures: dict[str, Any] = json.loads(FIGURES.read_text(encoding="utf-8"))
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure `true` on many hosts, ours and others in turn.")
    parser.add_argument("--rounds", type=int, default=3, help="0: only what goes over the line")
    parser.add_argument("--hosts", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--dry", action="store_true", help="print only, write nothing into docs/")
    parser.add_argument("--contend", choices=list(CONTENDERS), help=argparse.SUPPRESS)
    parser.add_argument("--plan", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.contend:
        CONTENDERS[chosen.contend](json.loads(chosen.plan.read_text(encoding="utf-8")))
        return
    found = measured(chosen.hosts, chosen.rounds, _known()["fanout"])
    text = f"{table(found)}\n\n{fanout_line.table(found['line'])}"
    print(text)
    if not chosen.dry:
        of_ours = {f"W2@{size}": ratios for size, ratios in found["compared"].items()}
        merge(FIGURES, {"fanout": found, "ratios": dict(sorted({**_known()["ratios"], **of_ours}.items()))})
        rewrite(PAGE, "W2", text)


if __name__ == "__main__":
    main()
