"""A deploy in each tool's words: a new release of a frontend that is only files, switched to when it is whole.

Ours does more than the others are asked for: a lock, the site's own nginx configuration, keeping assets of earlier releases, and
a look at what nginx then serves. Theirs is what their users write: unpack, link, remove old releases.
"""

from __future__ import annotations

import itertools
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence

import yaml

from benchmarks.peers import converge
from benchmarks.peers.converge import PROJECT
from benchmarks.peers.ground import FOLDER, At, Ground, kept, seeded
from benchmarks.peers.installed import programs
from benchmarks.peers.meter import Job

REPOSITORY = FOLDER / "frontend"
ARCHIVE = PROJECT / "release.tar.gz"
FILES = 40
RELEASES = (f"{int(time.time())}{number:03}" for number in itertools.count())
PLAYBOOK = """\
- hosts: all
  become: true
  gather_facts: false
  tasks:
    - file: {{path: /srv/theirs/releases/{release}, state: directory, mode: "0755"}}
    - unarchive: {{src: release.tar.gz, dest: /srv/theirs/releases/{release}}}
    - file: {{src: /srv/theirs/releases/{release}, dest: /srv/theirs/next, state: link}}
    - command: mv -T /srv/theirs/next /srv/theirs/live
    - shell: ls -d /srv/theirs/releases/* | head -n -3 | xargs -r rm -rf
"""
PYINFRA = """\
from pyinfra import config
from pyinfra.operations import files, server

config.SUDO = True
files.directory(path="/srv/theirs/releases/{release}")
files.put(src="release.tar.gz", dest="/srv/theirs/release.tar.gz")
server.shell(commands=["tar -xzf /srv/theirs/release.tar.gz -C /srv/theirs/releases/{release}"])
server.shell(commands=["ln -sfn releases/{release} /srv/theirs/next && mv -T /srv/theirs/next /srv/theirs/live"])
server.shell(commands=["ls -d /srv/theirs/releases/* | head -n -3 | xargs -r rm -rf"])
"""


def lay_out() -> None:
    """The frontend, built already, in a repository of its own."""
    assets = REPOSITORY / "dist" / "assets"
    for number in range(FILES):
        seeded(assets / f"{number}.js", 10_000)
    if not (REPOSITORY / ".git").exists():
        _git("init", "-q", "-b", "main")
    new_version()


def new_version() -> str:
    """Something changed: a commit, and the archive of it; gives the release's name of the others."""
    release = next(RELEASES)
    (REPOSITORY / "dist" / "index.html").write_text(f"<!doctype html><title>{release}</title>\n")
    _git("add", "-A")
    _git("-c", "user.name=bench", "-c", "user.email=bench@localhost", "commit", "-q", "-m", release)
    _git("archive", "-o", str(ARCHIVE), "HEAD:dist")
    return release


def _git(*words: str) -> None:
    subprocess.run(["git", "-C", str(REPOSITORY), *words], check=True, stdout=subprocess.DEVNULL)


def windlass(ground: Ground, places: Sequence[At], _release: str, task: str = "deploy", transport: str = "paramiko") -> Job:
    """`windlass deploy`; or `setup`, which the hosts need once."""
    name = f"frontend{len(places)}-{places[0].port}{transport[:1]}"
    folder = PROJECT / "inventories" / name
    hosts = {
        "environment": {"user": places[0].user, **converge.way(ground, transport)},
        "hosts": {at.name: {"address": at.address, "port": at.port} for at in places},
        "groups": {"app": {"hosts": [at.name for at in places], "roles": ["nginx", "app"]}},
    }
    frontend = {
        "hosts": "app",
        "source": {"git": str(REPOSITORY), "ref": "main"},
        "build": {"install": "", "prune": "", "commands": []},
        "static": "dist",
        "keep_releases": 3,
        "gate": {"watch_seconds": 0},
        "site": {"port": 8096},
    }
    kept(folder / "hosts.yml", yaml.safe_dump(hosts, sort_keys=False))
    kept(folder / "applications.yml", yaml.safe_dump({"applications": {"frontend": frontend}}, sort_keys=False))
    program = converge.windlass(ground, places)
    return Job(command=[program.command[0], task, "--env", name], folder=PROJECT, environment=program.environment)


def tuned(ground: Ground, places: Sequence[At], release: str) -> Job:
    """The same with `transport: libssh2`, as peers are tuned, too."""
    return windlass(ground, places, release, transport="libssh2")


def by_openssh(ground: Ground, places: Sequence[At], release: str) -> Job:
    """The same with `transport: openssh`, which Ansible uses as well."""
    return windlass(ground, places, release, transport="openssh")


def ansible(ground: Ground, places: Sequence[At], release: str) -> Job:
    return _played(converge.ansible(ground, places), release)


def mitogen(ground: Ground, places: Sequence[At], release: str) -> Job:
    return _played(converge.mitogen(ground, places), release)


def _played(job: Job, release: str) -> Job:
    (PROJECT / "release.yml").write_text(PLAYBOOK.format(release=release))
    return Job(command=[*job.command[:-1], "release.yml"], folder=PROJECT, environment=job.environment)


def pyinfra(ground: Ground, places: Sequence[At], release: str) -> Job:
    (PROJECT / "release.py").write_text(PYINFRA.format(release=release))
    return Job(command=[*converge.pyinfra(ground, places).command[:-1], "release.py"], folder=PROJECT)


def fabric(ground: Ground, places: Sequence[At], release: str) -> Job:
    names = [f"{at.user}@{at.address}:{at.port}" for at in places]
    arguments = [str(ground.key), str(ground.known_hosts), release, *names]
    return Job(command=[str(programs("fabric") / "python"), "release_by_hand.py", *arguments], folder=PROJECT)


CONTENDERS: Mapping[str, Callable[[Ground, Sequence[At], str], Job]] = {
    "windlass": tuned,
    "ansible": ansible,
    "mitogen": mitogen,
    "pyinfra": pyinfra,
    "fabric": fabric,
    "windlass by openssh": by_openssh,
    "windlass by paramiko": windlass,
}
