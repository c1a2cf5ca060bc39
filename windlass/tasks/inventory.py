"""`inventory.*`: what the inventory says, where it says it, and whether it can be used. No host is asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from invoke.context import Context

from windlass.tasks.common import Options, command

if TYPE_CHECKING:
    from windlass.errors import WindlassError
    from windlass.inventory import Environment, Explained, Host
    from windlass.tasks.door import Outcome


@command(host="the host to explain")
def explain(_context: Context, host: str, *, env: str = "", json: bool = False) -> None:
    """
    Say for each setting of a host what it is and where it stands.

    Where is the file and the line; what it overrides is shown below it.

    Example:

        invoke inventory.explain --host web1 --env staging

    Exit codes: 0 done, 2 wrong usage or inventory.
    """
    from windlass.tasks.door import Outcome
    from windlass.tasks.running import run_alone

    options = Options.of(locals())

    def work() -> Outcome:
        settings = _environment(options).explain(host)
        return Outcome(result={"settings": [_described(one) for one in settings]}, text=_explained(settings))

    run_alone("inventory.explain", options, work)


@command()
def check(_context: Context, *, env: str = "", json: bool = False) -> None:
    """
    Check an environment, or all of them, and say all faults at once.

    All templates are filled and all roles are asked what they want, for every
    host, with secrets made up. No host is called.

    Example:

        invoke inventory.check

    Exit codes: 0 all good, 2 something is wrong.
    """
    from windlass.tasks.common import environments
    from windlass.tasks.door import Outcome
    from windlass.tasks.place import project_folder
    from windlass.tasks.running import run_alone

    def work() -> Outcome:
        names = [env] if env else environments(project_folder())
        good, faulty = _checked(names)
        return Outcome(result={"environments": good}, text=_good(good), error=faulty)

    run_alone("inventory.check", Options.of(locals()), work)


@command()
def hosts(_context: Context, *, env: str = "", limit: str = "", json: bool = False) -> None:
    """
    List the hosts of an environment with their addresses, groups and roles.

    Example:

        invoke inventory.hosts --env staging --limit 'app,!web2'

    Exit codes: 0 done, 2 wrong usage or inventory.
    """
    from windlass.tasks.door import Outcome
    from windlass.tasks.running import run_alone

    options = Options.of(locals())

    def work() -> Outcome:
        environment = _environment(options)
        rows = {host.name: _host(environment, host) for host in environment.hosts_of(limit or "all")}
        return Outcome(result={"hosts": rows}, text=_table(rows))

    run_alone("inventory.hosts", options, work)


@command()
def schema(_context: Context) -> None:
    """
    Print the JSON Schema of the inventory's files, for your editor.

    With it an editor completes keys and underlines what is wrong.

    Example:

        invoke inventory.schema > .windlass/inventory.schema.json

    Exit codes: 0 done, 2 a role of the project cannot be loaded.
    """
    import json

    from windlass.flows.catalogue import Catalogue
    from windlass.inventory.export import schema as describe
    from windlass.tasks.door import Outcome
    from windlass.tasks.place import project_folder
    from windlass.tasks.running import run_alone

    def work() -> Outcome:
        return Outcome(text=json.dumps(describe(Catalogue(project_folder()).schemas()), indent=2))

    run_alone("inventory.schema", Options(), work)


def _environment(options: Options) -> Environment:
    from windlass.flows.workspace import load_environment
    from windlass.tasks.common import chosen_environment
    from windlass.tasks.place import project_folder

    project = project_folder()
    return load_environment(project, chosen_environment(options, project))


def _described(one: Explained) -> dict[str, Any]:
    return {
        "role": one.role,
        "setting": one.setting,
        "value": one.value,
        "level": one.level,
        "file": one.file,
        "line": one.line,
        "overrides": [
            {"value": other.value, "level": other.level, "file": other.file, "line": other.line} for other in one.overridden
        ],
    }


def _explained(settings: Iterable[Explained]) -> str:
    rows = []
    for one in settings:
        rows.append(f"{one.role}.{one.setting} = {_short(one.value)}")
        rows.append(f"    {one.file}:{one.line}  ({one.level})")
        rows += [f"    {other.file}:{other.line}  ({other.level}) said {_short(other.value)}" for other in one.overridden]
    return "\n".join(rows)


def _short(value: object) -> str:
    """A value on one line, as YAML or JSON would write it."""
    import json

    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 100 else f"{text[:97]}..."


def _checked(names: Sequence[str]) -> tuple[dict[str, dict[str, int]], WindlassError | None]:
    from windlass.errors import InventoryError, UsageError
    from windlass.flows.workspace import load_environment
    from windlass.tasks.place import project_folder

    good: dict[str, dict[str, int]] = {}
    faulty: list[InventoryError] = []
    for name in names:
        try:
            environment = load_environment(project_folder(), name)
            _rehearse(environment)
        except InventoryError as error:
            faulty.append(error)
        else:
            good[name] = _counts(environment)
    if not names:
        raise UsageError("there is no environment to check", hint="invoke init --host USER@ADDRESS writes a first one")
    if len(faulty) < 2:
        return good, faulty[0] if faulty else None
    lines = [line for error in faulty for line in error.last_lines]
    return good, InventoryError("; ".join(error.message for error in faulty), hint=faulty[0].hint, last_lines=lines)


def _rehearse(environment: Environment) -> None:
    """Raises InventoryError with what templates and roles stumble over."""
    from windlass.errors import InventoryError
    from windlass.flows.rehearsal import faults_of
    from windlass.tasks.place import project_folder

    found = faults_of(project_folder(), environment)
    if found:
        folder = f"inventories/{environment.name}"
        message = f"{folder}: {_count(len(found), 'faults')}"
        lines = [fault if fault.startswith(folder) else f"{folder}: {fault}" for fault in found]
        raise InventoryError(message, hint="put these right; nothing was touched", last_lines=lines)


def _counts(environment: Environment) -> dict[str, int]:
    return {
        "hosts": len(environment.hosts),
        "groups": len(environment.groups) - 1,  # `all` is always there and nobody wrote it
        "applications": len(environment.applications),
        "backups": len(environment.backups),
        "secrets": len(environment.secrets),
    }


def _good(good: Mapping[str, Mapping[str, int]]) -> str:
    return "\n".join(
        f"{name}: good ({', '.join(_count(count, word) for word, count in counts.items() if count)})"
        for name, counts in good.items()
    )


def _count(count: int, words: str) -> str:
    return f"{count} {words if count != 1 else words.removesuffix('s')}"


def _host(environment: Environment, host: Host) -> dict[str, Any]:
    return {
        "address": host.address,
        "private_address": host.private_address,
        "user": host.user,
        "port": host.port,
        "jump": host.jump,
        "groups": [group for group in environment.groups_of(host) if group != "all"],
        "roles": list(environment.roles_of(host)),
        "labels": dict(host.labels),
    }


def _table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    cells = [("host", "address", "groups", "roles")]
    cells += [
        (name, f"{row['user']}@{row['address']}:{row['port']}", ",".join(row["groups"]), " ".join(row["roles"]))
        for name, row in rows.items()
    ]
    widths = [max(len(line[column]) for line in cells) for column in range(3)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[3]]).rstrip() for line in cells
    )
