"""The shape of an environment's files: hosts, groups, secrets and the small types that all entries are made of.

The models are schema and values at once: what passes is frozen and travels through the whole program.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema

from windlass.schedule import schedule

if TYPE_CHECKING:  # slow to import, and only needed for the types
    from pydantic.json_schema import JsonSchemaValue

# Pydantic would otherwise look through all installed packages for plugins, at every start.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


@dataclass(frozen=True, slots=True)
class Matching:
    """Text of one form; `form` is how the fault says what is right."""

    pattern: str
    form: str

    def check(self, value: str) -> str:
        if not re.fullmatch(self.pattern, value):
            raise ValueError(f"should be {self.form}, not {value!r}")
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "pattern": f"^(?:{self.pattern})$"}


def _address(value: str) -> str:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        pass
    if re.fullmatch(r"[\d.]+", value) or not re.fullmatch(_DOMAIN, value):
        raise ValueError(f"should be an IP address or a host name, not {value!r}")
    return value


def _template(value: object) -> object:
    """Numbers and truth values may be written without quotes where the text is plain: `PORT: 3000`, `DEBUG: true`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else value


_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = rf"(?i:{_LABEL}(?:\.{_LABEL})*)"
_TEMPLATE_SCHEMA = {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "boolean"}]}


def with_names(entries: object) -> object:
    """Tell each entry of a mapping its own name, which the file gives as the key."""
    if not isinstance(entries, dict):
        return entries
    return {name: {**(entry or {}), "name": name} if isinstance(entry, dict | None) else entry for name, entry in entries.items()}


class _AnyScalar:
    """In the JSON Schema a template may be written as a number or a truth value too."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**_TEMPLATE_SCHEMA, **{key: text for key, text in handler(schema).items() if key != "type"}}


HostName = Annotated[str, Matching(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?", "lower-case letters, digits, `-` and `.`")]
GroupName = Annotated[str, Matching(r"[a-z][a-z0-9_-]*", "lower-case letters, digits, `-` and `_`")]
ShortName = Annotated[
    str,
    Matching(r"[a-z][a-z0-9-]{0,30}", "at most 31 lower-case letters, digits and `-`, a letter first (it names users and units)"),
]
SecretName = Annotated[str, Matching(r"[a-z][a-z0-9_]*", "lower-case letters, digits and `_`, a letter first")]
Schedule = Annotated[str, AfterValidator(schedule)]
UserName = Annotated[str, Matching(r"[a-z_][a-z0-9_-]{0,31}", "a Unix user name")]
VariableName = Annotated[str, Matching(r"[A-Za-z_][A-Za-z0-9_]*", "letters, digits and `_`, as in DATABASE_URL")]
Address = Annotated[str, AfterValidator(_address)]
Domain = Annotated[
    str, Matching(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*", "a lower-case domain such as www.example.org, without https:// and path")
]
Port = Annotated[int, Field(ge=1, le=65535)]
Template = Annotated[str, BeforeValidator(_template), _AnyScalar()]
RelativePath = Annotated[
    str,
    Matching(
        r"(?!/)(?!(?:.*/)?\.\.?(?:/|$))[^\0]*[^\0/]", "a path below the release's folder, without `..` and without `/` at its ends"
    ),
]


class Entry(BaseModel):
    """A part of the inventory: frozen, and nothing in it that is not known. A key with nothing behind it counts as absent."""

    # Whatever is not used by this environment is never built; the rest is built once, when the first entry of it is read.
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, value: Any) -> Any:
        if value is None:
            return {}
        return {key: inner for key, inner in value.items() if inner is not None} if isinstance(value, dict) else value


class SecretReference(Entry):
    """A setting whose value is a secret: `password: {secret: database_password}`."""

    secret: SecretName
    """The name of a secret that the section `secrets:` declares"""


Transport = Literal["paramiko", "openssh", "libssh2"]


class Host(Entry):
    """One machine."""

    name: str
    address: Address
    """IP address or host name that the controller (or the jump host) connects to"""
    private_address: Address = ""
    """Address that the other hosts use for this one; without it `address`"""
    user: UserName | None = None
    """The user that logs in; without it the environment's `user`"""
    port: Port = 22
    """Port of the SSH server"""
    jump: str = ""
    """Name of the host through which this one is reached"""
    private_key: str = ""
    """File with the key to log in with; without it the environment's `private_key`"""
    transport: Transport | None = None
    """What carries the connection; without it that of the host's groups, else the environment's `transport`"""
    labels: Mapping[str, Template] = {}
    """Free words about the host for templates and people, such as `zone: fra1`"""
    variables: Mapping[str, Mapping[str, Any] | None] = {}
    """Role settings for this host alone: `role: {setting: value}`"""


class Group(Entry):
    """Hosts that are the same in some respect."""

    name: str
    hosts: tuple[str, ...] = ()
    """Names of hosts, or patterns such as `web*`; the group also holds the hosts of its children"""
    children: tuple[str, ...] = ()
    """Groups that are part of this one; what they set counts more than what this one sets"""
    roles: tuple[str, ...] = ()
    """Roles that these hosts have, in the order in which they are set up"""
    transport: Transport | None = None
    """What carries the connections to these hosts; of several groups the later one counts, children after their parents"""
    variables: Mapping[str, Mapping[str, Any] | None] = {}
    """Role settings for these hosts: `role: {setting: value}`"""


class SecretEntry(Entry):
    """One secret: that it exists and what it is for; never its value."""

    name: str
    description: str = ""
    """What it is for and where a person gets it"""
    generate: Annotated[int, Field(ge=8, le=512)] | None = None
    """Make it up when it does not exist yet: this many letters and digits"""
