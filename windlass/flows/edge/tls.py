"""Certificates: got by one host, the same on all that serve the site, and proven by asking each listener."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from windlass import events
from windlass.errors import CertificateError, UsageError
from windlass.flows.edge.tls_preflight import preflight
from windlass.flows.edge.tls_state import Installed, State, on_disk, states
from windlass.flows.setup import setup
from windlass.flows.steps import Timer, all_of, steps_only, until
from windlass.operations.command import Run
from windlass.operations.directory import Directory
from windlass.operations.file import File
from windlass.operations.operation import Operation
from windlass.operations.wire import Batch
from windlass.plans.certificates import PROGRAM, Certificate, certificates
from windlass.values import Command, Secret

if TYPE_CHECKING:
    from windlass.flows.workspace import Workspace
    from windlass.hosts.many.fleet import Fleet
    from windlass.inventory import Host

SETTLE = 20.0  # seconds that nginx may take from being told to reload until no old worker takes connections any more


@dataclass(frozen=True, slots=True)
class Served:
    """What a run came to: the state of every listener, and which certificates are new. Times are in seconds."""

    states: tuple[State, ...]
    new: tuple[str, ...]
    seconds: dict[str, float]


def chosen(workspace: Workspace, app: str = "") -> tuple[Certificate, ...]:
    """The certificates of the environment, or the one of an application. Raises UsageError where there is none."""
    known = certificates(workspace.environment)
    if app:
        workspace.environment.application(app)
    found = tuple(each for each in known if app in ("", each.name))
    if not found:
        raise UsageError(
            f"{app or workspace.environment.name} has no site with `tls`", hint="add `tls: true` to the site of an application"
        )
    return found


def issue(workspace: Workspace, wanted: Sequence[Certificate], *, listener: events.Listener = events.nobody) -> Served:
    """From hosts as they are, blank ones too, to served certificates: set up, look, ask the authority, install, prove.

    What is there and not yet to be renewed stays. Raises RefusedError where the authority would refuse (it is not asked
    then), CertificateError where a listener serves something else in the end, and what `setup` raises.
    """
    timer, silent = Timer(listener), Timer(events.nobody)
    with silent.step("set up"):  # which announces itself
        error = setup(workspace, _hosts(wanted), listener=listener).error()
        if error:
            raise error
    timer.seconds |= silent.seconds
    with workspace.fleet(_hosts(wanted), steps_only(listener)) as fleet:
        before = _fingerprints(fleet, wanted)
        with timer.step("preflight"):
            preflight(workspace, fleet, wanted)
        with timer.step("issue", _issuers(wanted)):
            _on_issuers(fleet, wanted, "issue")
        return _finished(fleet, wanted, before, timer)


def renew(
    workspace: Workspace, wanted: Sequence[Certificate], *, force: bool = False, listener: events.Listener = events.nobody
) -> Served:
    """What the timer of the issuing host does, now; and then the other hosts get what they lack.

    With `force`, also what is not yet to be renewed. Raises as `issue` does.
    """
    timer = Timer(listener)
    with workspace.fleet(_hosts(wanted), steps_only(listener)) as fleet:
        before = _fingerprints(fleet, wanted)
        with timer.step("renew", _issuers(wanted)):
            if force:
                _on_issuers(fleet, wanted, "issue", "--force-renewal")
            else:
                run = Run(command=Command.of(PROGRAM, "renew"), name="renew what is to be renewed")
                all_of(fleet.run(dict.fromkeys(_issuers(wanted), Batch((run,)))))
        return _finished(fleet, wanted, before, timer)


def status(workspace: Workspace, wanted: Sequence[Certificate], *, listener: events.Listener = events.nobody) -> tuple[State, ...]:
    """What each listener serves beside what is on its host's disk."""
    with workspace.fleet(_hosts(wanted), listener) as fleet:
        return states(fleet, wanted)


def error_of(found: Sequence[State], *, shown: bool = False) -> CertificateError | None:
    """None if every listener serves what it should. What a person sees already (`shown`) is only counted."""
    wrong = [f"{state.certificate} on {state.host}: {state.problem}" for state in found if state.problem]
    if not wrong:
        return None
    count = f"{len(wrong)} listeners do not serve what they should" if len(wrong) > 1 else wrong[0]
    if shown:
        return CertificateError(count)
    return CertificateError(count, last_lines=wrong if len(wrong) > 1 else (), hint="invoke tls.status shows all of them")


def _finished(fleet: Fleet, wanted: Sequence[Certificate], before: dict[str, str], timer: Timer) -> Served:
    with timer.step("share", sorted({host.name for each in wanted for host in each.hosts[1:]})):
        for each in wanted:
            _share(fleet, each)
    with timer.step("prove"):
        found = until(lambda: states(fleet, wanted), lambda found: error_of(found) is None, SETTLE)
    error = error_of(found)
    if error:
        raise error
    now = {state.certificate: state.installed.fingerprint for state in found if state.installed}
    return Served(found, tuple(name for name in now if now[name] != before.get(name)), timer.seconds)


def _on_issuers(fleet: Fleet, wanted: Sequence[Certificate], *words: str) -> None:
    verb, *options = words
    batches: dict[str, list[Operation]] = {}
    for each in wanted:
        run = Run(command=Command.of(PROGRAM, verb, each.name, *options), name=f"{verb} the certificate {each.name}")
        batches.setdefault(each.issuer.name, []).append(run)
    all_of(fleet.run({host: Batch(tuple(operations)) for host, operations in batches.items()}))


def _share(fleet: Fleet, wanted: Certificate) -> None:
    """Bring key and chain from the host that has them to the others, over the agents' channels, and have them installed there."""
    others = wanted.hosts[1:]
    if not others:
        return
    source = wanted.source(wanted.issuer)
    look = [Run(command=Command.of("cat", f"{source}/{file}"), name=f"read {file}", changed=False) for file in _FILES]
    read = all_of(fleet.run({wanted.issuer.name: Batch(tuple(look))}))[wanted.issuer.name]
    texts = dict(zip(_FILES, (result.data["output"] for result in read), strict=True))
    all_of(fleet.run({host.name: Batch(_brought(wanted, host, texts)) for host in others}))


_FILES = ("fullchain.pem", "privkey.pem")


def _brought(wanted: Certificate, host: Host, texts: dict[str, str]) -> tuple[Operation, ...]:
    folder = wanted.source(host)
    return (
        Directory(path=wanted.home, mode="0700"),
        Directory(path=folder, mode="0700"),
        *(File(path=f"{folder}/{file}", content=Secret(text), mode="0600") for file, text in texts.items()),
        Run(command=Command.of(PROGRAM, "install", wanted.name), name=f"install the certificate {wanted.name}"),
    )


def _fingerprints(fleet: Fleet, wanted: Sequence[Certificate]) -> dict[str, str]:
    found = {each.name: on_disk(fleet, each)[each.issuer.name] for each in wanted}
    return {name: disk.fingerprint for name, disk in found.items() if isinstance(disk, Installed)}


def _hosts(wanted: Sequence[Certificate]) -> tuple[Host, ...]:
    return tuple({host.name: host for each in wanted for host in each.hosts}.values())


def _issuers(wanted: Sequence[Certificate]) -> list[str]:
    return sorted({each.issuer.name for each in wanted})
