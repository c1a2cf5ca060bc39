"""What the role postgresql wants of a host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from windlass.operations.assertion import Assert
from windlass.operations.command import Run
from windlass.operations.directory import Directory
from windlass.operations.file import File
from windlass.operations.operation import Operation
from windlass.operations.package import Package
from windlass.operations.postgres_role import PostgresRole
from windlass.operations.postgresql import PostgresDatabase
from windlass.operations.service import Service
from windlass.operations.template import Template
from windlass.plans.firewall import clients, family, private_addresses
from windlass.plans.topology import HostView
from windlass.values import Command

from .parameters import AFTER_RESTART
from .settings import Settings

Value = str | bool | int | float
HEAD = "# Written by Windlass: changes made here are lost.\n"


def steps(host: HostView, settings: Settings) -> list[Operation]:
    """The cluster that Debian's package makes, its settings, then roles and databases."""
    cluster = f"/etc/postgresql/{settings.version}/main"
    unit = f"postgresql@{settings.version}-main"
    access = _access(host, settings, cluster)
    restart, reload = _settings_files(host, settings, cluster)
    sealed = any(backup.host == host.name and backup.recipients for backup in host.environment.backups.values())
    return [
        _alone(settings.version),
        Package(names=(f"postgresql-{settings.version}", *(("age",) if sealed else ()))),
        *_after_network(unit),
        restart,
        reload,
        access,
        Service(name="postgresql", running=None),
        Service(name=unit, enabled=None, restart_on=(restart,), reload_on=(reload, access), limit_seconds=300),
        *_databases(host, settings),
    ]


def _alone(version: int) -> Assert:
    """A second version would get a port of its own and stay empty, while databases were made in the first."""
    port = r"'^[[:space:]]*port[[:space:]]*=[[:space:]]*5432\b'"
    return Assert(
        message=f"PostgreSQL {version} is wanted, and another one is there that has its port",
        command=f"! grep -lsE {port} /etc/postgresql/*/*/postgresql.conf | grep -v ^/etc/postgresql/{version}/main/",
        hint="set postgresql.version to the one that is there; or move its data first: pg_upgradecluster OLD main",
    )


def _settings_files(host: HostView, settings: Settings, cluster: str) -> tuple[File, File]:
    """Two files: one for what counts after a restart, one for what a reload is enough for."""
    address = private_addresses([host.environment.host(host.name)])[0]
    listen = {"listen_addresses": ",".join(dict.fromkeys(("127.0.0.1", "::1", address)))}
    after_restart = {name: value for name, value in settings.parameters.items() if name in AFTER_RESTART}
    others = {name: value for name, value in settings.parameters.items() if name not in AFTER_RESTART}
    always = {"password_encryption": "scram-sha-256"}
    return (
        _conf(f"{cluster}/conf.d/windlass-restart.conf", listen | after_restart),
        _conf(f"{cluster}/conf.d/windlass.conf", always | others),
    )


def _conf(path: str, values: Mapping[str, Value]) -> File:
    lines = (f"{name} = {_quoted(value)}\n" for name, value in sorted(values.items()))
    return File(path=path, content=HEAD + "".join(lines), owner="postgres", group="postgres")


def _quoted(value: Value) -> str:
    """In quotes PostgreSQL takes a backslash for the beginning of a sign, and a new line for none at all."""
    text = ("on" if value else "off") if isinstance(value, bool) else str(value)
    return "'" + text.replace("\\", "\\\\").replace("\n", "\\n").replace("'", "''") + "'"


def _access(host: HostView, settings: Settings, cluster: str) -> Template:
    addresses = clients(host.environment, host.environment.host(host.name))
    hosts = [f"{address}/{32 if family(address) == 'ip' else 128}" for address in addresses]
    return Template(
        path=f"{cluster}/pg_hba.conf",
        source=host.template("postgresql/pg_hba.conf.j2"),
        name="postgresql/pg_hba.conf.j2",
        values={"databases": settings.databases, "hosts": hosts, "more_access": settings.more_access},
        owner="postgres",
        group="postgres",
        mode="0640",
    )


def _after_network(unit: str) -> tuple[Operation, ...]:
    """At boot an address that is not there yet would be left out with no more than a warning."""
    folder = f"/etc/systemd/system/{unit}.service.d"
    text = f"{HEAD}[Unit]\nWants=network-online.target\nAfter=network-online.target\n"
    file = File(path=f"{folder}/windlass.conf", content=text)
    # systemd does not notice the first file in a new folder by itself.
    reread = Run(command=Command.of("systemctl", "daemon-reload"), name="systemd reads its units again", run_on=(file,))
    return (Directory(path=folder), file, reread)


def _databases(host: HostView, settings: Settings) -> Iterator[Operation]:
    for name, database in settings.databases.items():
        yield PostgresRole(name=database.owner, password=host.secret(database.password.secret))
        yield PostgresDatabase(name=name, owner=database.owner, extensions=database.extensions)
