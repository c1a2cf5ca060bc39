"""The settings of the role base; what they mean and their values are in defaults.yml."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from windlass.inventory.schema import Entry, Matching, UserName

AbsolutePath = Annotated[str, Matching(r"/[^\0]*[^\0/]", "an absolute path without `/` at its end")]
Mode = Annotated[str, Matching(r"[0-7]{3,4}", 'permission bits in quotes, such as "0750"')]
TimeZone = Annotated[str, Matching(r"|[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*", "a time zone such as Europe/Berlin")]
HostnameOrNone = Annotated[str, Matching(r"|[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?", "a host name in lower case, or empty")]


class Person(Entry):
    """An account of a person."""

    keys: tuple[str, ...] = ()
    """All SSH public keys that may log in; none leaves the keys alone"""
    groups: tuple[str, ...] = ()
    """Further groups"""
    sudo: bool = False
    """May become root without a password"""
    shell: AbsolutePath = "/bin/bash"
    """Login shell"""
    absent: bool = False
    """There should be no such account"""


class Folder(Entry):
    """A directory."""

    owner: str = "root"
    group: str = "root"
    mode: Mode = "0755"


class Ssh(Entry):
    """Who may log in by SSH, and how."""

    managed: bool = False
    """Whether sshd is ours to set at all"""
    password_login: bool = False
    """Whether a password is enough"""
    root_login: Literal["no", "keys"] = "no"
    """Whether root may log in, with a key"""
    users: tuple[UserName, ...] = ()
    """Nobody but these may log in (and the user that Windlass logs in as); none: everybody who has an account"""
    groups: tuple[UserName, ...] = ()
    """Nobody but members of these may log in; none: everybody"""
    old_algorithms: bool = False
    """Whether to keep what old clients need"""
    confirm_seconds: Annotated[int, Field(ge=5, le=3600)] = 60
    """How long a change of this may wait for its confirmation by a new login, before the host takes it back"""


class Settings(Entry):
    """See defaults.yml."""

    packages: tuple[str, ...]
    more_packages: tuple[str, ...]
    users: Mapping[UserName, Person]
    time_zone: TimeZone
    hostname: HostnameOrNone
    directories: Mapping[AbsolutePath, Folder]
    sysctl: Mapping[str, str | int]
    sysctl_live: bool
    security_updates: bool
    ssh: Ssh
