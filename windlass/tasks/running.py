"""Running a flow for a task: open the environment, watch, do the work, show the result or the error.

@command(ref="what to deploy: a tag, a branch, a commit")
def deploy(context: Context, env: str = "", ref: str = "", json: bool = False, yes: bool = False) -> None:
    \"\"\"Bring a version of an application to all its hosts …\"\"\"
    from windlass.flows.deployment.deploy import deploy as flow

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        done = flow(workspace, ref, listener=listener)
        return Outcome(result={"release": done.release}, text=f"{done.release} serves")

    run_flow("deploy", Options.of(locals()), work)
"""

from __future__ import annotations

import dataclasses
import getpass
import shlex
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from windlass.events import Finished, Listener, RunStarted
from windlass.tasks import remembered
from windlass.tasks.common import Options, ask_sudo_password, chosen_environment, confirm, wishes
from windlass.tasks.door import Outcome, Run, leave, watched
from windlass.tasks.place import project_folder
from windlass.tasks.typed import program, work_on

if TYPE_CHECKING:
    from windlass.flows.backups.alarm import Alarm
    from windlass.flows.workspace import Workspace
    from windlass.history.record import Record

Answer = Mapping[str, Any] | Outcome
Opening = Callable[..., "Workspace"]


def run_flow(
    task: str,
    options: Options,
    work: Callable[[Workspace, Listener], Answer],
    *,
    changes: bool = True,
    unopened: Alarm | None = None,
    opening: Opening | None = None,
) -> None:
    """Do the work of a task on an environment and show what came of it.

    `work` gets the opened workspace and the listener for events, and gives what `--json` shows as `result`; an Outcome
    where it has more to say (text for a person, facts per host, an error beside a result). Raising a WindlassError is
    enough to fail. With `changes`, an environment that wants confirmation asks for it, unless `--check` or `--yes`.
    `unopened` tells those who are not watching that the environment cannot be opened; `opening` opens it in another way than
    `open_workspace` does.
    """
    project = project_folder()
    run = Run(task=task, environment=options.env, as_json=options.json, folder=project, wishes=wishes())
    run.diffs, run.check = options.diff, options.check

    def whole() -> Outcome:
        workspace = _open(run, options, unopened, opening)
        run.record = _record(run, options)
        if changes and workspace.asks and not options.check:
            with _off_the_clock(run):
                confirm(f"{task} changes {run.environment}", run.environment, yes=options.yes)
        with watched(run, title=_title(run, options), check=options.check) as listener:
            listener(RunStarted(run.id, task, run.environment, options.check))
            outcome = _outcome(work(workspace, listener))
            listener(Finished(task, run.environment, "failed" if outcome.error else "done", outcome.result))
        if _may_begin_ahead(workspace, options, changes=changes):
            remembered.remember(project, sys.argv[1:])
        return outcome

    leave(run, whole)


def run_alone(task: str, options: Options, work: Callable[[], Answer]) -> None:
    """The same for tasks that need no environment, such as those of the lab."""
    run = Run(task=task, environment=options.env, as_json=options.json, folder=project_folder())
    work_on(options.env, lab=options.lab)
    leave(run, lambda: _outcome(work()))


def _may_begin_ahead(workspace: Workspace, options: Options, *, changes: bool) -> bool:
    """Whether the same command may log in at once the next time: nobody has to be asked first, and hosts stay where they are."""
    asks = changes and workspace.asks and not options.check and not options.yes
    return not (asks or workspace.lab or options.accept_new or options.ask_sudo_password)


def _record(run: Run, options: Options) -> Record:
    from windlass.history.database import RunRow
    from windlass.history.record import Record

    row = RunRow(
        run=run.id,
        task=run.task,
        environment=f"{run.environment} (lab)" if options.lab else run.environment,
        command=run.mask.text(shlex.join([program(), *sys.argv[1:]])),
        operator=f"{getpass.getuser()}@{socket.gethostname()}",
        checked=options.check,
    )
    return Record(run.folder / ".windlass", row)


def _title(run: Run, options: Options) -> str:
    words = [run.task, run.environment, *(["lab"] if options.lab else []), *(["check"] if options.check else [])]
    return " · ".join(words)


def _open(run: Run, options: Options, unopened: Alarm | None, opening: Opening | None) -> Workspace:
    from windlass.flows.workspace import open_workspace

    run.environment = chosen_environment(options, run.folder)
    work_on(run.environment, lab=options.lab)
    try:
        opened = (opening or open_workspace)(run.folder, run.environment, lab=options.lab, accept_new=options.accept_new)
    except Exception as error:
        for warning in unopened(run.folder, run.environment, error) if unopened and not options.lab else ():
            sys.stderr.write(f"warning: {warning}\n")
        raise
    workspace = dataclasses.replace(opened, run=run.id)
    if options.ask_sudo_password:
        with _off_the_clock(run):
            workspace = dataclasses.replace(workspace, sudo_password=ask_sudo_password())
    run.mask.known = workspace.known_secrets
    return workspace


@contextmanager
def _off_the_clock(run: Run) -> Iterator[None]:
    """A person thinks and types as long as they like: that is no time that the run took."""
    asked = run.progress.clock()
    yield
    run.progress.began += run.progress.clock() - asked


def _outcome(answer: Answer) -> Outcome:
    """A bare mapping is shown to a person as it is, a line for each member."""
    if isinstance(answer, Outcome):
        return answer
    return Outcome(result=answer, text="\n".join(f"{name}: {value}" for name, value in answer.items()))
