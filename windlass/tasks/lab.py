"""`lab.*`: real hosts on this machine, as twins of an environment's. See docs/lab.md."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from invoke.context import Context

from windlass.tasks.common import Options, command
from windlass.tasks.typed import program

if TYPE_CHECKING:
    from windlass.lab import HostStatus, Lab
    from windlass.tasks.door import Outcome


@command(from_="start from this snapshot, see lab.save")
def up(_context: Context, *, env: str = "", from_: str = "", json: bool = False) -> None:
    """
    Boot a twin of an environment's hosts on this machine.

    Same names, users and ports, addresses of their own. On a lab that is up it
    changes nothing; after a crash or a reboot it heals. Needs root: it asks
    sudo if you are not. Tasks then reach the twin with --lab (the environment
    called lab needs no --lab: it lives nowhere else).

    Example:

        invoke lab.up --env staging
        invoke setup --env staging --lab

    Exit codes: 0 done, 1 failed, 2 wrong usage or inventory.
    """
    from windlass.tasks.running import run_alone

    options = Options.of(locals())

    def work() -> Outcome:
        from windlass import lab
        from windlass.flows.twin import lab_spec, labs_folder
        from windlass.tasks.place import project_folder

        name, environment = _environment(options)
        spec = lab_spec(environment)
        running = lab.up(spec, root=labs_folder(project_folder()), source=from_, say=_say)
        return _described(running, lab.status(name, root=labs_folder(project_folder()))[1])

    run_alone("lab.up", options, _as_root(work))


@command(purge="delete the lab's snapshots, too")
def down(_context: Context, *, env: str = "", purge: bool = False, json: bool = False) -> None:
    """
    Take an environment's lab away; its snapshots stay.

    No process, mount, bridge or rule of it is left.

    Example:

        invoke lab.down --env staging

    Exit codes: 0 done, 1 failed, 2 wrong usage or inventory.
    """
    from windlass.tasks.running import run_alone

    options = Options.of(locals())

    def work() -> Outcome:
        from windlass import lab
        from windlass.flows.twin import labs_folder
        from windlass.tasks.common import chosen_environment
        from windlass.tasks.door import Outcome
        from windlass.tasks.place import project_folder

        name = chosen_environment(options, project_folder())
        lab.down(name, root=labs_folder(project_folder()), say=_say, purge=purge)
        return Outcome(result={"lab": name}, text=f"lab {name} is gone")

    run_alone("lab.down", options, _as_root(work))


@command()
def status(_context: Context, *, env: str = "", json: bool = False) -> None:
    """
    Say which labs there are and how their hosts are.

    Example:

        invoke lab.status

    Exit codes: 0 done, 1 there is no such lab.
    """
    from windlass.tasks.running import run_alone

    def work() -> Outcome:
        from windlass import lab
        from windlass.flows.twin import labs_folder
        from windlass.tasks.door import Outcome
        from windlass.tasks.place import project_folder

        root = labs_folder(project_folder())
        names = [env] if env else lab.list_labs(root)
        found = [_described(*lab.status(name, root=root)) for name in names]
        return Outcome(
            result={"labs": [one.result for one in found]},
            text="\n\n".join(one.text for one in found) or f"no lab is up: {program()} lab.up --env lab",
        )

    run_alone("lab.status", Options.of(locals()), work)


@command(host="the host to log in to; may be left out where there is only one")
def shell(_context: Context, *, env: str = "", host: str = "") -> None:
    """
    Log in to a host of an environment's lab with ssh.

    Example:

        invoke lab.shell --env lab --host app1

    Exit codes: those of the shell; 1 there is no such lab, 2 there is no such
    host.
    """
    from windlass import lab
    from windlass.errors import UsageError
    from windlass.flows.twin import labs_folder
    from windlass.tasks.common import chosen_environment
    from windlass.tasks.place import project_folder

    name = chosen_environment(Options.of(locals()), project_folder())
    running = lab.load(name, root=labs_folder(project_folder()))
    chosen = host or (next(iter(running.hosts)) if len(running.hosts) == 1 else "")
    if chosen not in running.hosts:
        raise UsageError(f"which host? {chosen!r} is none of lab {name}", hint=f"--host {' or '.join(running.hosts)}")
    words = running.ssh(chosen).arguments
    os.execvp(words[0], words)  # noqa: S606 - the terminal is handed over whole


@command(as_="the snapshot's name")
def save(_context: Context, as_: str, *, env: str = "", json: bool = False) -> None:
    """
    Keep the state of a lab's hosts as a snapshot.

    `lab.up --from` starts from it in seconds. The hosts restart once.

    Example:

        invoke lab.save --env lab --as setup

    Exit codes: 0 done, 1 failed, 2 wrong usage or inventory.
    """
    from windlass.tasks.running import run_alone

    options = Options.of(locals())

    def work() -> Outcome:
        from windlass import lab
        from windlass.flows.twin import labs_folder
        from windlass.tasks.common import chosen_environment
        from windlass.tasks.door import Outcome
        from windlass.tasks.place import project_folder

        name = chosen_environment(options, project_folder())
        lab.save(lab.load(name, root=labs_folder(project_folder())), as_, say=_say)
        text = f"saved: {program()} lab.up --env {name} --from {as_}"
        return Outcome(result={"lab": name, "snapshot": as_}, text=text)

    run_alone("lab.save", options, _as_root(work))


def _environment(options: Options) -> tuple[str, Any]:
    from windlass.flows.workspace import load_environment
    from windlass.tasks.common import chosen_environment
    from windlass.tasks.place import project_folder

    name = chosen_environment(options, project_folder())
    return name, load_environment(project_folder(), name)


def _as_root(work: Callable[[], Outcome]) -> Callable[[], Outcome]:
    """Start over under sudo where the caller is not root: containers, mounts and bridges need it."""

    def rooted() -> Outcome:
        if os.geteuid() != 0 and shutil.which("sudo"):
            sys.stderr.write("the lab needs root: going on with sudo\n")
            sys.stderr.flush()
            words = ["sudo", "-E", sys.executable, *sys.orig_argv[1:]]
            os.execvp(words[0], words)  # noqa: S606 - this program goes on as root
        return work()

    return rooted


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _described(lab: Lab, hosts: Mapping[str, HostStatus]) -> Outcome:
    from windlass.tasks.door import Outcome

    rows = {name: _host(lab, name, status) for name, status in hosts.items()}
    lines = [f"lab {lab.name}  {lab.subnet}"]
    lines += [f"  {name}  {row['user']}@{row['address']}:{row['port']}  {row['state']}" for name, row in rows.items()]
    result = {"lab": lab.name, "subnet": lab.subnet, "source": lab.source, "hosts": rows}
    return Outcome(result=result, text="\n".join(lines))


def _host(lab: Lab, name: str, status: HostStatus) -> dict[str, Any]:
    from windlass.values import human_bytes, human_seconds

    state = "is off" if not status.running else "answers" if status.answers else "runs, but its sshd does not answer"
    if status.running:
        state += f", up {human_seconds(status.uptime_seconds)}, {human_bytes(status.memory_bytes)}"
    host = lab.hosts[name]
    return {
        "address": host.address,
        "user": host.user,
        "port": host.port,
        "running": status.running,
        "answers": status.answers,
        "state": state,
    }
