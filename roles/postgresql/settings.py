"""The settings of the role postgresql; what they mean and their values are in defaults.yml."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from windlass.inventory.schema import Entry, Matching, SecretReference

Name = Annotated[str, Matching(r"[a-z_][a-z0-9_]{0,62}", "lower-case letters, digits and `_`")]
Extension = Annotated[str, Matching(r"[a-z][a-z0-9_-]*", "the name of an extension such as citext")]
Parameter = Annotated[str, Matching(r"(?!port$)[a-z][a-z0-9_.]*", "a name such as shared_buffers (port is always 5432)")]


class OwnedDatabase(Entry):
    """A database and the role that owns it."""

    owner: Name
    """The role; it may log in, and is nothing besides an owner"""
    password: SecretReference
    """Its password"""
    extensions: tuple[Extension, ...] = ()
    """Extensions that are made in the database"""


class Settings(Entry):
    """See defaults.yml."""

    version: Annotated[int, Field(ge=13, le=99)]
    databases: Mapping[Name, OwnedDatabase]
    parameters: Mapping[Parameter, str | bool | int | float]
    more_access: tuple[str, ...]
