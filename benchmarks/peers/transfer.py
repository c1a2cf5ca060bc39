"""W3: a file of 200 MiB and a tree of 5,000 small files to 1 and 4 hosts: at first, unchanged, and with one changed."""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from benchmarks.peers import converge
from benchmarks.peers.converge import PROJECT
from benchmarks.peers.far import NEAR, Distant, far_away
from benchmarks.peers.ground import FOLDER, At, Ground, seeded
from benchmarks.peers.meter import Job
from benchmarks.peers.meter import measure as cost_of
from benchmarks.peers.results import Found, Measured

MIB = 1 << 20
Maker = Callable[[Ground, Sequence[At]], Job]
LARGE = FOLDER / "transfer" / "large.bin"
TREE = FOLDER / "transfer" / "tree"
FILES, BYTES = 5000, 10276  # 49 MiB in all
ONE_BY_ONE = 50  # files of the tree, for tools that know no trees: the figure is then given for each file
TO = "/srv/transfer"
# A tree that was there is moved aside: ext4 is slow for half a minute after a mass delete.
ASIDE = (
    f"mkdir -p /srv/aside {TO}; chmod 777 {TO}; rm -f {TO}/large.bin; "
    f"for each in {TO}/*; do [ -e $each ] && mv $each /srv/aside/$(date +%s%N) || true; done"
)


def lay_out() -> None:
    """The contents, made once; and rsync, which few machines have before somebody needs it."""
    if not shutil.which("rsync"):
        subprocess.run(["apt-get", "-qqy", "install", "--no-install-recommends", "rsync"], check=False, stdout=subprocess.DEVNULL)
    seeded(LARGE, 200 * MIB)
    if not (TREE / "done").exists():
        source = random.Random("tree")  # noqa: S311 - content, not a secret
        for number in range(FILES):
            path = TREE / f"{number % 50:02}" / f"{number}.bin"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(source.randbytes(BYTES))
        (TREE / "done").touch()


def _ssh(ground: Ground) -> str:
    own = f"-i {ground.key} -o UserKnownHostsFile={ground.known_hosts} -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes"
    return f"ssh -F none {converge.KEX} {own} -p {{port}}"


def _shell(places: Sequence[At], line: str) -> Job:
    """The same line for each host at once; it fails where one of them does."""
    calls = [f'{line.format(at=f"{at.user}@{at.address}", port=at.port)} & all="$all $!"' for at in places]
    return Job(command=["/bin/sh", "-ec", "\n".join([*calls, "for each in $all; do wait $each; done"])], folder=PROJECT)


def cat(ground: Ground, places: Sequence[At]) -> Job:
    return _shell(places, f"{_ssh(ground)} {{at}} 'cat >{TO}/large.bin' <{LARGE}")


def quick_cat(ground: Ground, places: Sequence[At]) -> Job:
    """The same with the cipher that ours asks for."""
    return _shell(places, f"{_ssh(ground)} -c aes128-gcm@openssh.com {{at}} 'cat >{TO}/large.bin' <{LARGE}")


def rsync_file(ground: Ground, places: Sequence[At]) -> Job:
    return _shell(places, f"rsync -a -e '{_ssh(ground)}' {LARGE} {{at}}:{TO}/large.bin")


def rsync_tree(ground: Ground, places: Sequence[At]) -> Job:
    return _shell(places, f"rsync -a -e '{_ssh(ground)}' {TREE}/ {{at}}:{TO}/tree/")


def our_file(ground: Ground, places: Sequence[At], transport: str = "openssh") -> Job:
    return converge.windlass(ground, places, "carry", {"carry": {"file": str(LARGE), "tree": ""}}, transport)


def our_tree(ground: Ground, places: Sequence[At], transport: str = "openssh") -> Job:
    return converge.windlass(ground, places, "carry", {"carry": {"file": "", "tree": str(TREE)}}, transport)


def ansible_file(ground: Ground, places: Sequence[At]) -> Job:
    """`copy`, which is what its users use."""
    (PROJECT / "copy.yml").write_text(
        f"- hosts: all\n  become: true\n  gather_facts: false\n  tasks:\n    - copy: {{src: {LARGE}, dest: {TO}/large.bin}}\n"
    )
    job = converge.ansible(ground, places)
    return Job(command=[*job.command[:-1], "copy.yml"], folder=PROJECT, environment=job.environment)


def pyinfra_file(ground: Ground, places: Sequence[At]) -> Job:
    (PROJECT / "put.py").write_text(
        f"from pyinfra.operations import files\nfiles.put(src={str(LARGE)!r}, dest={TO + '/large.bin'!r})\n"
    )
    job = converge.pyinfra(ground, places)
    return Job(command=[*job.command[:-1], "put.py"], folder=PROJECT)


def ansible_few(ground: Ground, places: Sequence[At]) -> Job:
    """A few of the tree's files, one after the other, as `copy` does it."""
    few = [f"{number % 50:02}/{number}.bin" for number in range(ONE_BY_ONE)]
    (PROJECT / "few.yml").write_text(
        f"- hosts: all\n  become: true\n  gather_facts: false\n  tasks:\n"
        f"    - file: {{path: '{TO}/tree/{{{{ item }}}}', state: directory}}\n      loop: {[f'{each:02}' for each in range(50)]}\n"
        f"    - copy: {{src: '{TREE}/{{{{ item }}}}', dest: '{TO}/tree/{{{{ item }}}}'}}\n      loop: {few}\n"
    )
    job = converge.ansible(ground, places)
    return Job(command=[*job.command[:-1], "few.yml"], folder=PROJECT, environment=job.environment)


def pyinfra_few(ground: Ground, places: Sequence[At]) -> Job:
    """The same files with `sync`, which knows trees and takes their files one by one."""
    few = FOLDER / "transfer" / "few"
    for number in range(ONE_BY_ONE):
        source = TREE / f"{number % 50:02}" / f"{number}.bin"
        to = few / source.relative_to(TREE)
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(source.read_bytes())
    (PROJECT / "sync.py").write_text(f"from pyinfra.operations import files\nfiles.sync(src={str(few)!r}, dest={TO + '/tree'!r})\n")
    job = converge.pyinfra(ground, places)
    return Job(command=[*job.command[:-1], "sync.py"], folder=PROJECT)


FILE: Mapping[str, Maker] = {
    "windlass": our_file,
    "ssh cat (floor)": cat,
    "ssh cat, AES-GCM": quick_cat,
    "rsync": rsync_file,
    "ansible": ansible_file,
    "pyinfra": pyinfra_file,
    "windlass by paramiko": partial(our_file, transport="paramiko"),
}
TREES: Mapping[str, Maker] = {
    "windlass": our_tree,
    "rsync": rsync_tree,
    "windlass by paramiko": partial(our_tree, transport="paramiko"),
}


ONE: Mapping[str, Maker] = {"ansible": ansible_few, "pyinfra": pyinfra_few}


def measure(ground: Ground, wanted: argparse.Namespace, found: Found) -> None:
    """First, unchanged, one changed, on 1 and 4 hosts; then a few files one by one, for those that know no other way."""
    lay_out()
    for count in sorted({min(count, 4) for count in wanted.hosts}):
        for what, contenders in (("file", FILE), ("tree", TREES)):
            taking_part = [name for name in contenders if name not in converge.CONTENDERS or name in converge.contenders(wanted)]
            _contest(ground, found, (what, count, wanted.rounds), {name: contenders[name] for name in taking_part})
    for name, make in ONE.items():
        if name in wanted.peers and wanted.rounds:
            ground.on_each(ground.hosts[:1], ASIDE)
            found.add(f"{ONE_BY_ONE} files of the tree@1", name, Measured(cost_of(make(ground, ground.hosts[:1]))))
    _for_each_file(found)


def _contest(ground: Ground, found: Found, asked: tuple[str, int, int], contenders: Mapping[str, Maker]) -> None:
    """A round in which each is looked at, then so many in which they take turns."""
    what, count, rounds = asked
    places = ground.hosts[:count]
    with far_away(ground, places, NEAR) as distant:
        for name, make in contenders.items():
            _observe(ground, distant, found, (what, name), make)
    for _ in range(rounds):
        for name, make in contenders.items():
            for state, job in _states(ground, places, what, make):
                with ground.counted() as carried:
                    cost = cost_of(job)
                found.add(f"{what}, {state}@{count}", name, Measured(cost, *carried))


def _states(ground: Ground, places: Sequence[At], what: str, make: Maker) -> Iterator[tuple[str, Job]]:
    """The three states after each other; each is there when its job is taken."""
    ground.on_each(ground.hosts[: len(places)], ASIDE)
    job = make(ground, places)
    yield "first", job
    yield "unchanged", job
    _change_one(what)
    yield "one changed", job


def _observe(ground: Ground, distant: Distant, found: Found, named: tuple[str, str], make: Maker) -> None:
    """A round that does not count: memory is looked at, and a proxy counts how often a host is waited for."""
    what, name = named
    for state, job in _states(ground, distant.places, what, make):
        case = f"{what}, {state}@{len(distant.places)}"
        distant.flights()
        found.remember(case, name, cost_of(job, sample=converge.sample_of("windlass")))
        found.trips[case][name] = distant.flights()
    if name.startswith("windlass"):  # as everybody's command, this one had been run before
        cost_of(make(ground, ground.hosts[: len(distant.places)]))


def _for_each_file(found: Found) -> None:
    """How many times as long a file of the tree takes a tool that goes file by file."""
    few = f"{ONE_BY_ONE} files of the tree@1"
    if not found.measured["tree, first@1"].get("windlass"):
        return
    ours = found.medians("tree, first@1", "windlass")["seconds"] / FILES
    own = {name: found.medians(few, name)["seconds"] / ONE_BY_ONE for name in ONE if found.measured[few].get(name)}
    found.more["W3 each small file"] = {name: round(seconds / ours, 1) for name, seconds in own.items()}


def _change_one(what: str) -> None:
    path = LARGE if what == "file" else TREE / "07" / "7.bin"
    with path.open("r+b") as handle:
        handle.seek(path.stat().st_size // 2)
        handle.write(random.randbytes(100))  # noqa: S311 - content, not a secret
