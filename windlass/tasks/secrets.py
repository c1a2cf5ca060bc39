"""`secrets.*`: values that travel encrypted with the repository, who can read them, and whether one stands in the open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from invoke.context import Context

from windlass.tasks.common import Options, command

if TYPE_CHECKING:
    from windlass.inventory import Environment
    from windlass.tasks.door import Outcome


@command(name="the secret, as the inventory declares it")
def set_(_context: Context, name: str, *, env: str = "", json: bool = False) -> None:
    """
    Set a secret in the environment's encrypted file.

    The value is asked for, or read from standard input; it is never an
    argument.

    Example:

        invoke secrets.set --env staging --name mail_password
        pass show mail | invoke secrets.set --env staging --name mail_password

    Exit codes: 0 done, 2 wrong usage, no key, or the file was tampered with.
    """
    from windlass.flows.secrets.secret_file import put
    from windlass.inventory import declared
    from windlass.tasks.door import Outcome

    def work(environment: Environment) -> Outcome:
        declared(environment.secrets, name)  # before a person types a value that nobody wants
        changed = put(environment, name, _value(name))
        text = f"{name} is set: commit secrets.sops.yml" if changed else f"{name} has this value already"
        return Outcome(result={"name": name, "changed": changed}, text=text)

    _run("secrets.set", Options.of(locals()), work)


@command(name="the secret")
def get(_context: Context, name: str, *, env: str = "", yes: bool = False) -> None:
    """
    Print the value of a secret. Into a pipe or a file only with --yes.

    Example:

        invoke secrets.get --env staging --name mail_password

    Exit codes: 0 done, 2 wrong usage, no value or no key, 4 standard output is
    not a terminal.
    """
    import sys

    from windlass.errors import InventoryError, RefusedError
    from windlass.inventory import declared, local_secrets
    from windlass.tasks.door import Outcome

    def work(environment: Environment) -> Outcome:
        declared(environment.secrets, name)
        if not yes and not sys.stdout.isatty():
            raise RefusedError("standard output is not a terminal", hint="with --yes the secret is written into it nonetheless")
        secrets = local_secrets(environment)
        if name not in secrets.sources():
            raise InventoryError(
                f"the secret {name} has no value", hint=f"invoke secrets.set --env {environment.name} --name {name}"
            )
        return Outcome(text=secrets.get(name).reveal())

    _run("secrets.get", Options.of(locals()), work)


@command()
def list_(_context: Context, *, env: str = "", json: bool = False) -> None:
    """
    List the secrets: which have a value, which lack one, which are unused.

    With where each value comes from. No key is needed.

    Example:

        invoke secrets.list --env staging

    Exit codes: 0 done, 2 wrong usage or inventory.
    """
    from dataclasses import asdict

    from windlass.flows.secrets.secret_listing import listing
    from windlass.tasks.door import Outcome
    from windlass.tasks.secrets_words import listed

    def work(environment: Environment) -> Outcome:
        rows = listing(environment)
        return Outcome(result={"secrets": [asdict(row) for row in rows]}, text=listed(rows))

    _run("secrets.list", Options.of(locals()), work)


@command()
def edit(_context: Context, *, env: str = "") -> None:
    """
    Open all secrets in $EDITOR, in a private file in memory.

    Only what was changed is encrypted anew.

    Example:

        invoke secrets.edit --env staging

    Exit codes: 0 done, 1 the editor failed, 2 wrong usage, no key, or what was
    written cannot be taken.
    """
    import os

    from windlass.flows.secrets.secret_editing import edit as flow
    from windlass.tasks.door import Outcome

    def work(environment: Environment) -> Outcome:
        changed = flow(environment, os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi", _again)
        return Outcome(text=f"changed: {', '.join(changed)}" if changed else "nothing was changed")

    _run("secrets.edit", Options.of(locals()), work)


@command()
def rotate(_context: Context, *, env: str = "", json: bool = False) -> None:
    """
    Encrypt every secret anew with a new data key, for the same people.

    The values themselves stay. To change one, see secrets.set.

    Example:

        invoke secrets.rotate --env staging

    Exit codes: 0 done, 2 wrong usage or no key, 4 the file has a recipient that
    nobody named.
    """
    from windlass.flows.secrets.secret_file import rotate as flow
    from windlass.report.prose import prose
    from windlass.tasks.door import Outcome
    from windlass.values import counted

    def work(environment: Environment) -> Outcome:
        count = flow(environment)
        said = "who could read them before may know them still: change what must not be known where it comes from"
        return Outcome(result={"values": count}, text=prose([f"{counted(count, 'value')} encrypted under a new key; {said}"]))

    _run("secrets.rotate", Options.of(locals()), work)


@command(
    add="the name of somebody who may read the secrets from now on",
    recipient="their public age key; without it, your own, which is made if there is none",
    remove="the name of somebody who may not any more",
)
def people(_context: Context, *, env: str = "", add: str = "", recipient: str = "", remove: str = "", json: bool = False) -> None:
    """
    Say who can read the secrets; let somebody in, or take somebody out.

    Whoever is taken out still knows what they have read: change those values,
    too.

    Example:

        invoke secrets.people --env staging
        invoke secrets.people --env staging --add ben --recipient age1…
        invoke secrets.people --env staging --remove ben

    Exit codes: 0 done, 2 wrong usage or no key, 4 refused: the last reader, or
    a recipient that nobody named.
    """
    from windlass.errors import UsageError
    from windlass.flows.secrets import secret_file
    from windlass.tasks.door import Outcome
    from windlass.tasks.secrets_words import people_told

    def work(environment: Environment) -> Outcome:
        if (add and remove) or (recipient and not add):
            raise UsageError(
                "either --add NAME with --recipient, or --remove NAME", hint="such as --add ben --recipient age1…, or --remove ben"
            )
        if add:
            secret_file.add_person(environment, add, recipient)
        if remove:
            secret_file.remove_person(environment, remove)
        found = secret_file.people(environment)
        return Outcome(result={"people": dict(found.named), "unnamed": list(found.unnamed)}, text=people_told(found, remove))

    _run("secrets.people", Options.of(locals()), work)


@command()
def scan(_context: Context, *, env: str = "", json: bool = False) -> None:
    """
    Look for secret values in the repository and all that was committed.

    Where one was found is told; a value is never printed.

    Example:

        invoke secrets.scan

    Exit codes: 0 nothing found, 1 found, 2 wrong usage or no key.
    """
    from windlass.flows.secrets.secret_scan import scan as flow
    from windlass.flows.workspace import load_environment
    from windlass.tasks.common import environments
    from windlass.tasks.place import project_folder
    from windlass.tasks.running import run_alone
    from windlass.tasks.secrets_words import looked_for

    def work() -> Outcome:
        project = project_folder()
        scanned = flow(project, [load_environment(project, name) for name in ([env] if env else environments(project))])
        return looked_for(scanned)

    run_alone("secrets.scan", Options.of(locals()), work)


def _run(task: str, options: Options, work: Any) -> None:
    """Load the environment, no host, and do the work."""
    from windlass.flows.workspace import load_environment
    from windlass.tasks.common import chosen_environment
    from windlass.tasks.place import project_folder
    from windlass.tasks.running import run_alone

    def whole() -> Any:
        project = project_folder()
        return work(load_environment(project, chosen_environment(options, project)))

    run_alone(task, options, whole)


def _value(name: str) -> str:
    """Typed unseen on a terminal, twice; else all of standard input, without the newline at its end."""
    import getpass
    import sys

    from windlass.errors import UsageError

    if not sys.stdin.isatty():
        return sys.stdin.read().removesuffix("\n")
    value = getpass.getpass(f"{name}: ")
    if getpass.getpass(f"{name} once more: ") != value:
        raise UsageError("these are not the same: nothing was changed", hint="type it again, or pipe it in")
    return value


def _again(fault: str) -> bool:
    """Ask whether the editor should open once more; nobody there means no."""
    import sys

    if not sys.stdin.isatty():
        return False
    sys.stderr.write(f"{fault}. Enter opens the editor again, `drop` throws the changes away: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip() != "drop"
