"""Fills the templates of the inventory: the values of environment variables and the files of an application.

What a template may use: `host` (the one it is for), `hosts` by name, `groups` (lists of hosts), `secrets` by name,
`custom`, `application`, and what the caller adds (`slot`, `listen`, `release`). A name that does not exist is a fault.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from windlass.inventory.environment import Environment
from windlass.inventory.faults import Faults, did_you_mean
from windlass.inventory.located import KeyPath
from windlass.inventory.schema import Host
from windlass.inventory.secrets import SecretSource
from windlass.values import Secret

if TYPE_CHECKING:  # Jinja is slow to import; most commands render nothing
    from jinja2.sandbox import SandboxedEnvironment

    from windlass.inventory.applications import Application, Process

Scope = Mapping[str, Any]
_Texts = dict[str, tuple[KeyPath, str]]


def scope(
    environment: Environment, host: Host, secrets: SecretSource, application: Application | None = None, extra: Scope | None = None
) -> dict[str, Any]:
    """What a template may use on one host, for one application; `extra` comes on top (slot, listen, release)."""
    hosts = {name: _seen(other) for name, other in environment.hosts.items()}
    values: dict[str, Any] = {
        "environment": environment.name,
        "host": hosts[host.name],
        "hosts": hosts,
        "groups": {name: [hosts[member] for member in group.hosts] for name, group in environment.groups.items()},
        "secrets": _Secrets(environment, secrets),
        "custom": environment.custom(host),
    }
    if application is not None:
        values["application"] = _application(application, environment, hosts)
    return {**values, **(extra or {})}


def render(text: str, values: Scope) -> str:
    """Fill one template. Raises ValueError that says what is wrong: a name that does not exist, or the template's syntax."""
    if "{" not in text:
        return text
    import jinja2  # noqa: PLC0415 - see above

    try:
        return _engine().from_string(text).render(values)
    except jinja2.UndefinedError as error:
        raise ValueError(_undefined(str(error), values)) from None
    except jinja2.TemplateSyntaxError as error:
        line = f" (line {error.lineno} of the text)" if "\n" in text else ""
        raise ValueError(f"is not a template: {error.message}{line}") from None
    except jinja2.TemplateError as error:
        raise ValueError(f"cannot be filled: {error.message}") from None
    except (TypeError, ArithmeticError, LookupError) as error:
        raise ValueError(f"cannot be filled: {error}") from None


def process_environment(
    environment: Environment, application: Application, process: Process | None, values: Scope
) -> dict[str, str]:
    """The environment variables of a process, filled (of the migration, without a process): the application's, then its own.

    What a process sets itself may use `slot`, `listen` and `instance`; the application's is the same in both slots.
    A password may stand inside any value: nothing may show them.
    Raises InventoryError with file and line of every value that cannot be filled.
    """
    path: KeyPath = ("applications", application.name)
    texts: _Texts = {name: ((*path, "environment", name), text) for name, text in application.environment.items()}
    for name, text in process.environment.items() if process else ():
        texts[name] = ((*path, "processes", process.name if process else "", "environment", name), text)
    return _filled(environment, texts, values)


def release_files(environment: Environment, application: Application, values: Scope) -> dict[str, Secret]:
    """The files that the inventory puts into a release, filled: relative path and content. Raises as `process_environment`."""
    texts: _Texts = {path: (("applications", application.name, "files", path), text) for path, text in application.files.items()}
    return {path: Secret(content) for path, content in _filled(environment, texts, values).items()}


def store_credentials(environment: Environment, name: str, secrets: SecretSource) -> tuple[Secret, Secret]:
    """The access key and the secret key of a store with a bucket, filled. Raises as `process_environment`."""
    described = environment.store(name).s3
    texts: _Texts = {}
    if described:
        texts = {key: (("stores", name, "s3", key), getattr(described, key)) for key in ("access_key", "secret_key")}
    filled = _filled(environment, texts, {"environment": environment.name, "secrets": _Secrets(environment, secrets)})
    return Secret(filled["access_key"]), Secret(filled["secret_key"])


def process_command(environment: Environment, application: Application, process: Process, values: Scope) -> str:
    """The command of a process, filled. Raises as `process_environment`."""
    path: KeyPath = ("applications", application.name, "processes", process.name, "command")
    return _filled(environment, {"command": (path, process.command)}, values)["command"]


def _filled(environment: Environment, texts: _Texts, values: Scope) -> dict[str, str]:
    faults = Faults()
    filled: dict[str, str] = {}
    for name, (path, text) in texts.items():
        try:
            filled[name] = render(text, values)
        except ValueError as error:
            faults.add(environment.tree.place(path), path, str(error))
    faults.raise_any(f"the templates of {environment.name}")
    return filled


class _Secrets(Mapping[str, str]):
    """The secrets by name; each is fetched when a template uses it, so that a template needs only its own."""

    def __init__(self, environment: Environment, source: SecretSource) -> None:
        self._names = tuple(environment.secrets)
        self._source = source

    def __getitem__(self, name: str) -> str:
        if name not in self._names:
            raise KeyError(name)
        return self._source.get(name).reveal()

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _seen(host: Host) -> dict[str, Any]:
    return {
        "name": host.name,
        "address": host.address,
        "private_address": host.private_address,
        "user": host.user,
        "port": host.port,
        "labels": dict(host.labels),
    }


def _application(application: Application, environment: Environment, hosts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": application.name,
        "user": application.user,
        "hosts": [hosts[host.name] for host in environment.hosts_of(application.hosts)],
        "domains": list(application.site.domains) if application.site else [],
    }


@cache
def _engine() -> SandboxedEnvironment:
    from jinja2 import StrictUndefined  # noqa: PLC0415 - see above
    from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415 - see above
    from jinja2.utils import missing  # noqa: PLC0415 - see above

    class Undefined(StrictUndefined):
        """Says which name is missing, and which one was perhaps meant."""

        @property
        def _undefined_message(self) -> str:
            if self._undefined_obj is missing:
                return str(self._undefined_name)  # at the top; `_undefined` knows what there is
            known = self._undefined_obj if isinstance(self._undefined_obj, Mapping) else ()
            return f"{self._undefined_name} is not known{did_you_mean(str(self._undefined_name), map(str, known))}"

    class Engine(ImmutableSandboxedEnvironment):
        """In a mapping a dot means a key first: `custom.values` is the value of that name, not a method of Python's."""

        def getattr(self, obj: Any, attribute: str) -> Any:
            if isinstance(obj, Mapping) and attribute in obj:
                return obj[attribute]
            return super().getattr(obj, attribute)

    return Engine(undefined=Undefined, autoescape=False, keep_trailing_newline=True)


def _undefined(message: str, values: Scope) -> str:
    """A name at the top has no object around it: the near names are those of the scope."""
    return message if " " in message else f"{message} is not known{did_you_mean(message, values)}"
