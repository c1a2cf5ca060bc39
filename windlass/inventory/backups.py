"""What is backed up, where to, how long it is kept and when it happens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, model_validator

from windlass.inventory.notifications import WebAddress
from windlass.inventory.schema import Entry, Matching, Schedule
from windlass.inventory.stores import BY_DIRECTORY

Count = Annotated[int, Field(ge=0, le=10_000)]
DatabaseName = Annotated[str, Matching(r"[A-Za-z_][A-Za-z0-9_$-]{0,62}", "a database's name")]

Recipient = Annotated[str, Matching(r"age1[02-9ac-hj-np-z]{58}", "a public key of age, age1…, as age-keygen prints it")]

SignerKey = Annotated[str, Matching(r"[A-Za-z0-9+/]{43}=", "a public key as .windlass/keys/backup-ed25519.pub holds it")]


AbsolutePath = Annotated[str, Matching(r"/[^\0\n]*", "a path that begins with /")]

RESERVED = ("dump", "globals", "manifest", "configuration", "redis")
PartName = Annotated[
    str, Matching(rf"(?!(?:{'|'.join(RESERVED)})$)[a-z][a-z0-9_-]{{0,40}}", "a short name in lower case, none of ours")
]
Limit = Annotated[str, Matching(r"(?:[0-9]{1,6}[smhdw])?", "a duration such as 48h or 14d")]


class Keep(Entry):
    """How many backups stay: the newest of each of the last so many hours, days, weeks, months, years, and simply the last ones."""

    last: Count = 3
    """The newest ones, whenever they were made"""
    hourly: Count = 0
    """One for each of so many hours"""
    daily: Count = 7
    """One for each of so many days"""
    weekly: Count = 5
    """One for each of so many weeks"""
    monthly: Count = 12
    """One for each of so many months"""
    yearly: Count = 0
    """One for each of so many years"""
    within: Limit = ""
    """All that are at most this much older than the newest good one: 48h, 14d"""
    at_least: Count = 1
    """So many good ones stay whatever the rest says, the newest"""

    @model_validator(mode="after")
    def _something(self) -> Keep:
        if not (self.within or any(getattr(self, word) for word in ("last", "hourly", "daily", "weekly", "monthly", "yearly"))):
            raise ValueError("keeps nothing: at least one number should be above 0")
        return self


class Folder(Entry):
    """A folder of the host that is part of a backup."""

    path: AbsolutePath
    """The folder"""
    exclude: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """What is left out, as GNU tar's --exclude takes it: `*.tmp`, `./cache`"""


class RedisCopy(Entry):
    """A Redis of the host that is part of a backup."""

    configuration: AbsolutePath = "/etc/redis/redis.conf"
    """Its configuration on the host, where address, port and password are looked up"""


class Backup(Entry):
    """What is backed up together, under one id: a database, folders, configuration, a Redis; any of them, all of one host."""

    name: str
    database: DatabaseName = ""
    """Name of the database; without it there is none in the backup"""
    host: str
    """Name of the host whose PostgreSQL and files these are"""
    directories: Mapping[PartName, Folder] = {}
    """Folders such as uploads, each under a name of its own"""
    configuration: tuple[AbsolutePath, ...] = ()
    """Files and folders of the configuration, `*` allowed: /etc/postgresql, /etc/nginx, /srv/*/live/.env. They may hold secrets"""
    redis: RedisCopy | None = None
    """A copy of a Redis; `{}` for Debian's own"""
    stores: tuple[str, ...] = ()
    """Names of stores that it goes to, one backup for each; one that fails does not keep the others from theirs"""
    directory: str = ""
    """Instead of `stores`: a folder on the controller; a path that does not begin with / is in the project's folder"""
    keep: Keep = Field(default_factory=Keep)
    """How many are kept; the last good one stays whatever this says"""
    schedule: Schedule = "30 2 * * *"
    """When, as cron writes it: minute, hour, day of the month, month, day of the week;
    by cron on this machine's clock, by systemd in UTC"""
    spread: Limit = ""
    """With systemd: begin up to so much later, always equally much, so that not all databases begin at once: 15m"""
    time_limit: Limit = "12h"
    """How long a run that is started by the schedule may take before it is ended: 90m, 12h"""
    rpo: Limit = "26h"
    """How old the data of the newest good backup may be before `backup.status` says that something is wrong; empty for any"""
    proven_within: Limit = "30d"
    """How long ago the last drill that proved a backup may be before `backup.status` says so; empty for any"""
    ping: WebAddress = ""
    """URL of a dead man's switch as healthchecks.io has them: told when a run begins (`/start`), is done, fails (`/fail`)"""
    recipients: tuple[Recipient, ...] = ()
    """Public keys of age that backups are encrypted to, on the database's host; without any they are not encrypted"""
    signers: tuple[SignerKey, ...] = ()
    """Public keys of other controllers whose signatures of backups are believed (their .windlass/keys/backup-ed25519.pub)"""
    shrink: Annotated[str, Matching(r"(?:100|[0-9]{1,2})%", "a percentage such as 50%")] = "50%"
    """A backup any part of which is smaller than this share of what is usual is a failure, kept but never good; 0% for never"""
    hash_up_to: Annotated[str, Matching(r"[0-9]{1,6}(?:kB|MB|GB)", "a size such as 64MB")] = "64MB"
    """Tables of up to this size have the hash of their rows taken with the dump and compared in a drill; 0MB for none"""
    rto: Limit = "4h"
    """How long getting it back may take before a drill fails; empty for any. The age of the data has its limit in `rpo`"""
    smoke: tuple[str, ...] = ()
    """SQL questions that must give true in a restored copy, such as `select count(*) > 0 from tickets`"""

    @model_validator(mode="after")
    def _of_something(self) -> Backup:
        if not (self.database or self.directories or self.configuration or self.redis):
            raise ValueError("holds nothing: name a database, directories, configuration or redis")
        if self.smoke and not self.database:
            raise ValueError("smoke questions need a database to be asked of")
        return self

    @model_validator(mode="after")
    def _somewhere(self) -> Backup:
        if bool(self.stores) == bool(self.directory):
            raise ValueError("should have one of `stores` (names of the section `stores:`) and `directory`")
        if len(set(self.stores)) < len(self.stores):
            raise ValueError("names a store twice")
        return self

    @property
    def store(self) -> str:
        """The store that is meant where none is named: the first."""
        return self.stores[0] if self.stores else BY_DIRECTORY

    def each_store(self) -> tuple[Backup, ...]:
        """The same backup for one store at a time."""
        return tuple(self.model_copy(update={"stores": (name,)}) for name in self.stores) or (self,)
