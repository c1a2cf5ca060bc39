"""`env.*`: the environment variables of applications, by name and fingerprint; never a value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.context import Context

from windlass.tasks.common import Options, command

if TYPE_CHECKING:
    from windlass.events import Listener
    from windlass.flows.deployment.environment_keys import EnvironmentDiff
    from windlass.flows.workspace import Workspace
    from windlass.tasks.door import Outcome


@command(app="the application; may be left out where there is only one")
def diff(
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
    Compare an application's environment variables with those that serve.

    Names and fingerprints only, never a value.

    Example:

        invoke env.diff --env staging --app tickets

    Exit codes: 0 done, 1 failed, 2 wrong usage or inventory.
    """
    from windlass.flows.deployment.deploy import chosen
    from windlass.flows.deployment.environment_keys import environment_diff
    from windlass.tasks.running import run_flow

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        return _outcome(environment_diff(workspace, chosen(workspace.environment, app), listener=listener))

    run_flow("env.diff", Options.of(locals()), work, changes=False)


def _outcome(found: EnvironmentDiff) -> Outcome:
    from dataclasses import asdict

    from windlass.tasks.door import Outcome

    lines = [f"+ {name} {found.coming[name]}" for name in found.difference.added]
    lines += [f"- {name} {found.live[name]}" for name in found.difference.removed]
    lines += [f"~ {name} {found.live[name]} -> {found.coming[name]}" for name in found.difference.changed]
    against = f"{found.release} serves" if found.release else "no release serves yet"
    text = "\n".join([f"{against}: {len(lines) or 'no'} variable{'' if len(lines) == 1 else 's'} would differ", *lines])
    return Outcome(result=asdict(found), text=text)
