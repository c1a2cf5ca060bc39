"""Puts Python onto hosts that have none, over plain SSH: everything else needs the agent, and the agent needs Python."""

from __future__ import annotations

import re
import secrets
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from windlass import events
from windlass.errors import AgentFailed, FlowFailed, HostError, WindlassError
from windlass.hosts.common.session import Session, lost
from windlass.hosts.common.target import Target
from windlass.hosts.many.fleet import Fleet, errors_of
from windlass.hosts.opening import open_over_ssh

if TYPE_CHECKING:
    from windlass.flows.workspace import Workspace
    from windlass.inventory import Host

LIMIT = 900.0  # seconds for the packages to come over a slow line
LOCK_SECONDS = 300
END = re.compile(r"^WINDLASS (HAS|INSTALLED|NO-APT|FAILED) ?(.*)$", re.MULTILINE)
_PLACES = "python3 /usr/bin/python3 /usr/local/bin/python3 /usr/libexec/platform-python"
_LOOK = f"for p in {_PLACES}; do v=$($p -V 2>/dev/null) && break; done"
# The list of packages is fetched only if there is none that helps. apt-get update does not wait for its lock by itself.
_INSTALL = f"""
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
install() {{ apt-get -qq -y --no-install-recommends -o DPkg::Lock::Timeout={LOCK_SECONDS} install python3 </dev/null 2>&1; }}
update() {{
    tries=0
    until said=$(apt-get -q update </dev/null 2>&1); do
        tries=$((tries + 1))
        case $said in *"Could not get lock"*) test $tries -lt {LOCK_SECONDS // 5} && sleep 5 && continue;; esac
        echo "$said"; return
    done
}}
install || {{ update; install; }}
code=$?
{_LOOK}
if test $code = 0 && test -n "$v"; then echo WINDLASS INSTALLED "$v"; else echo WINDLASS FAILED $code; fi
"""


@dataclass(frozen=True, slots=True)
class Bootstrapped:
    """What became of one host: the Python that it has now, and whether that was put there just now."""

    python: str
    installed: bool


def bootstrap(
    workspace: Workspace, hosts: tuple[Host, ...], listener: events.Listener = events.nobody
) -> tuple[Mapping[str, Bootstrapped], WindlassError | None]:
    """Install python3 where there is none. Gives what became of each host, and an error if some failed."""
    targets = {target.name: target for target in workspace.targets(hosts)}

    def work(name: str) -> Bootstrapped:
        try:
            found = bootstrap_host(targets[name])
        except HostError as error:
            listener(events.HostEnded(name, error.message))
            raise
        listener(events.HostEnded(name))
        return found

    with Fleet(targets.values(), listener) as fleet:
        outcomes = fleet.each(targets, work)
    done = {name: outcome for name, outcome in outcomes.items() if isinstance(outcome, Bootstrapped)}
    return done, _failure(done, errors_of(outcomes))


def _failure(done: Mapping[str, Bootstrapped], failed: Mapping[str, HostError]) -> WindlassError | None:
    if not failed:
        return None
    first = next(iter(failed.values()))
    states = {name: f"has {host.python}" for name, host in done.items()} | {name: error.message for name, error in failed.items()}
    return FlowFailed(
        f"{len(failed)} of {len(states)} hosts could not be given a Python: {first.message}",
        hosts=states,
        partly=bool(done),
        hint=first.hint,
        last_lines=first.last_lines,
    )


def bootstrap_host(target: Target) -> Bootstrapped:
    """Look for a Python on one host, and have apt-get install one if there is none. Raises AgentFailed, ConnectionFailed."""
    prompt = secrets.token_hex(12)
    session = open_over_ssh(target, _command(target, prompt))
    try:
        word, rest, said = _until_the_end(target, session, prompt)
    finally:
        session.close()
    if word in ("HAS", "INSTALLED"):
        return Bootstrapped(rest.strip(), word == "INSTALLED")
    lines = [line for line in said.splitlines() if line.strip() and not line.startswith("WINDLASS")][-8:]
    if word == "NO-APT":
        raise AgentFailed(
            f"{target.name} has neither Python nor apt-get", host=target.name, hint="install Python 3.8 or later there by hand"
        )
    raise AgentFailed(
        f"apt-get could not install python3 on {target.name}",
        host=target.name,
        last_lines=lines,
        hint="see the last lines; the package sources of the host and its way to them are what it needs",
    )


def _command(target: Target, prompt: str) -> str:
    root = ""
    if target.sudo and target.user != "root":
        root = f"sudo -S -p {prompt} " if target.sudo_password else "sudo -n "
    script = (
        f'{_LOOK}; if test -n "$v"; then echo WINDLASS HAS $v; exit; fi; '
        "command -v apt-get >/dev/null || { echo WINDLASS NO-APT; exit; }; "
        f"exec {root}/bin/sh -c {shlex.quote(_INSTALL)}"
    )
    return f"exec /bin/sh -c {shlex.quote(script)}"


def _until_the_end(target: Target, session: Session, prompt: str) -> tuple[str, str, str]:
    """The word that the script ends with, what stands behind it, and all that was said; sudo gets its password once."""
    session.wait_at_most(0.5)
    deadline = time.monotonic() + LIMIT
    said, complaint, asked = "", "", False
    while time.monotonic() < deadline:
        complaint += session.errors()
        if prompt in complaint:
            if asked or target.sudo_password is None:
                raise AgentFailed(
                    f"sudo did not take the password on {target.name}", host=target.name, hint="it was tried once only"
                )
            asked, complaint = True, ""
            session.send(target.sudo_password.reveal().encode() + b"\n")
        try:
            data = session.receive(65536)
        except TimeoutError:
            continue
        except (OSError, EOFError) as error:
            raise lost(target, error) from error
        said += data.decode("utf-8", "replace")
        if found := END.search(said):
            return found[1], found[2], said
        if not data:
            break
    raise _no_end(target, said, complaint + session.errors())


def _no_end(target: Target, said: str, complaint: str) -> AgentFailed:
    lines = [*said.splitlines(), *complaint.splitlines()][-8:]
    if "sudo" in complaint:
        hint = f"let {target.user} use sudo there, or give its password with --ask-sudo-password"
        return AgentFailed(f"{target.name} does not let {target.user} become root", host=target.name, last_lines=lines, hint=hint)
    return AgentFailed(
        f"{target.name} did not come to an end", host=target.name, last_lines=lines, hint="log in by hand to see more"
    )
