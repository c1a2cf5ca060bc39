"""`deploy`, `rollback`, `releases`, `status`: versions of applications, and where they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.context import Context

from windlass.tasks.common import Options, command

if TYPE_CHECKING:
    from windlass.events import Listener
    from windlass.flows.deployment.deploy import Deployed
    from windlass.flows.deployment.overview import Releases
    from windlass.flows.deployment.rollback import RolledBack
    from windlass.flows.workspace import Workspace
    from windlass.tasks.door import Outcome

APP = "the application; may be left out where there is only one"

LONGEST = 200  # characters of why a release failed, in the list


@command(
    app=APP,
    ref="what to deploy: a tag, a branch, a commit (else the one the inventory names)",
    force="deploy even what serves already",
)
def deploy(
    _context: Context,
    *,
    env: str = "",
    app: str = "",
    ref: str = "",
    force: bool = False,
    json: bool = False,
    yes: bool = False,
    lab: bool = False,
    accept_new: bool = False,
    ask_sudo_password: bool = False,
) -> None:
    """
    Bring a version of an application to all its hosts, blue-green.

    No request is lost: the old release serves until the new one has answered on
    every host. If anything fails before that, or you press Ctrl-C, all goes
    back by itself, and the error shows the application's own last lines.

    Example:

        invoke deploy --env staging --app tickets --ref v1.4.0

    Exit codes: 0 done or nothing to do, 1 failed and taken back, 2 wrong usage
    or inventory, 3 a host could not be taken back yet (it says which), 4
    refused: another run holds the lock.
    """
    from windlass.flows.deployment.deploy import chosen
    from windlass.flows.deployment.deploy import deploy as flow
    from windlass.tasks.running import run_flow

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        return _deployed(flow(workspace, chosen(workspace.environment, app), ref, force=force, listener=listener))

    run_flow("deploy", Options.of(locals()), work)


def _deployed(done: Deployed) -> Outcome:
    from dataclasses import asdict

    from windlass.report.prose import prose
    from windlass.tasks.door import Outcome
    from windlass.tasks.typed import typed
    from windlass.values import counted, human_seconds

    if not done.changed:
        return Outcome(result=asdict(done), text=f"{done.application} {done.release} serves already: nothing to do")
    lines = [f"{done.application} {done.release} ({done.reference}) serves on {counted(len(done.switch_milliseconds), 'host')}"]
    if done.before:
        lines.append(f"before it: {done.before}, {'kept warm' if done.warm else 'stopped'}: {typed('rollback')} brings it back")
    slowest = max(done.switch_milliseconds.values(), default=0.0)
    steps = ", ".join(f"{name} {human_seconds(spent)}" for name, spent in done.seconds.items() if spent >= 0.05)
    lines.append(f"took {human_seconds(sum(done.seconds.values()))} ({steps}); the switch itself {slowest:.1f} ms a host at most")
    left = sum(done.left.values())
    if left:
        were = "was" if left == 1 else "were"
        lines.append(
            f"{counted(left, 'connection')} to the old release {were} still open after the drain's limit and {were} closed"
        )
    return Outcome(result=asdict(done), text=prose(lines))


@command(app=APP, to="the release to go back to (else the one that served before): its id, its tag, or its commit")
def rollback(
    _context: Context,
    *,
    env: str = "",
    app: str = "",
    to: str = "",
    json: bool = False,
    yes: bool = False,
    lab: bool = False,
    accept_new: bool = False,
    ask_sudo_password: bool = False,
) -> None:
    """
    Go back to the release that served before, at once.

    There is no version to look up. The release before is kept warm, so this is
    the switch alone; older ones are started and checked as in a deploy. A
    deploy that broke off is taken back, and without --to that is all: once more
    would be a release too far.

    Example:

        invoke rollback --env production
        invoke rollback --env production --to v1.3.2

    Exit codes: 0 done, 1 failed (what served before still serves), 2 wrong
    usage or inventory, 3 partly done, 4 refused.
    """
    from windlass.flows.deployment.deploy import chosen
    from windlass.flows.deployment.rollback import rollback as flow
    from windlass.tasks.running import run_flow

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        return _rolled_back(flow(workspace, chosen(workspace.environment, app), to, listener=listener))

    run_flow("rollback", Options.of(locals()), work)


def _rolled_back(done: RolledBack) -> Outcome:
    from dataclasses import asdict

    from windlass.report.prose import prose
    from windlass.tasks.door import Outcome
    from windlass.values import counted, human_seconds

    if done.undone:
        what = f"the deploy of {done.undone} had broken off and was taken back; nothing else was done"
        lines = [f"{done.application} {done.release} serves: {what}", "to go back further, run the same again"]
        return Outcome(result=asdict(done), text=prose(lines))
    how = "by the switch alone" if done.warm else "started anew, it was no longer warm"
    lines = [
        f"{done.application} {done.release} serves again on {counted(len(done.switch_milliseconds), 'host')} ({how})",
        f"every host had switched {human_seconds(done.switched_after)} after the command was typed" if done.switched_after else "",
        f"{done.before} is marked as bad: a further rollback does not return to it" if done.before else "",
    ]
    if done.between.migrations:
        lines.append(f"not undone: the database keeps these migrations: {', '.join(done.between.migrations)}")
    if done.between.environment:
        lines.append(f"the environment went back too; these differ: {', '.join(done.between.environment)}")
    return Outcome(result=asdict(done), text=prose(line for line in lines if line))


@command(app=APP)
def releases(
    _context: Context,
    *,
    env: str = "",
    app: str = "",
    json: bool = False,
    lab: bool = False,
    accept_new: bool = False,
    ask_sudo_password: bool = False,
) -> None:
    """
    List the releases of an application, and which one can go back to.

    Each with its state, its age and, where it failed, the reason.

    Example:

        invoke releases --env staging --app tickets

    Exit codes: 0 done, 1 failed, 2 wrong usage or inventory.
    """
    from windlass.flows.deployment.deploy import chosen
    from windlass.flows.deployment.overview import releases as flow
    from windlass.tasks.running import run_flow

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        return _releases(flow(workspace, chosen(workspace.environment, app), listener=listener))

    run_flow("releases", Options.of(locals()), work, changes=False)


def _releases(found: Releases) -> Outcome:
    from dataclasses import asdict
    from datetime import UTC, datetime

    from windlass.report.tables import table
    from windlass.tasks.door import Outcome

    back = {each.release: "warm" if each.warm else "yes" for each in found.back}
    rows = []
    for record in found.records:
        serving = found.serving[record.release]
        state = f"live on {', '.join(serving)}" if serving else record.state if record.state != "live" else "served"
        when = f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%d %H:%M}" if record.created else ""
        way = back.get(record.release, "" if found.present[record.release] else "pruned")
        by = record.operator.partition(" ")[0]  # user@machine; what git calls the person is in --json
        rows.append([record.release, record.reference, when, by, state, way, _short(record.why)])
    text = table(["release", "reference", "made (UTC)", "by", "state", "way back", "why"], rows) if rows else "no releases yet"
    return Outcome(result=asdict(found), text=text)


def _short(why: str) -> str:
    first = why.partition("\n")[0]
    return first if len(first) <= LONGEST else f"{first[:LONGEST]} …"


@command(app="only this application", processes="also a line for each process: memory, its limit, CPU")
def status(
    _context: Context,
    *,
    env: str = "",
    app: str = "",
    processes: bool = False,
    limit: str = "",
    json: bool = False,
    lab: bool = False,
    accept_new: bool = False,
    ask_sudo_password: bool = False,
) -> None:
    """
    Show what runs where, how healthy it is, and what one can go back to.

    Host by host: the slot that serves, its release and that one's age.

    Example:

        invoke status --env production

    Exit codes: 0 all healthy, 1 something is not (it says what), 2 wrong usage
    or inventory.
    """
    import time

    from windlass.flows.deployment.overview import statuses
    from windlass.tasks.running import run_flow
    from windlass.tasks.status_words import shown

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        names = [workspace.environment.application(app).name] if app else list(workspace.environment.applications)
        chosen = [workspace.environment.application(name) for name in names]
        wanted = {host.name for host in workspace.hosts(limit)}
        hosts = {host.name for each in chosen for host in workspace.environment.hosts_of(each.hosts)} & wanted
        with workspace.fleet(sorted(hosts), listener) as fleet:
            return shown(statuses(workspace, chosen, fleet, now=time.time()), processes=processes)

    run_flow("status", Options.of(locals()), work, changes=False)
