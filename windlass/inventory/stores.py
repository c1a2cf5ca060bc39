"""Where backups can go: the section `stores:`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import AfterValidator, Field, model_validator

from windlass.inventory.faults import Faults, did_you_mean
from windlass.inventory.located import KeyPath
from windlass.inventory.schema import Entry, Matching, Template

if TYPE_CHECKING:
    from windlass.inventory.backups import Backup
    from windlass.inventory.environment import Environment

BY_DIRECTORY: Final = "directory"  # what the store of a backup with `directory:` and without `stores:` is called

RECEIVING_PORT: Final = 8474  # in no list of well-known services

SMALLEST_PART, LARGEST_PART = 5, 5 * 1024  # MiB; what S3 takes for all parts but the last


def _of_a_secret(text: str) -> str:
    if "secrets" not in text or "{{" not in text:
        raise ValueError('should come from a secret, such as "{{ secrets.backup_key }}": it must not stand here')
    return text


Credential = Annotated[Template, AfterValidator(_of_a_secret)]


class S3(Entry):
    """A bucket of S3, or of what speaks it: R2, B2, Hetzner, MinIO."""

    bucket: Annotated[str, Matching(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "a bucket's name")]
    """The bucket's name"""
    prefix: Annotated[str, Matching(r"(?:[A-Za-z0-9_.=-]+(?:/[A-Za-z0-9_.=-]+)*)?", "folders such as `acme/production`")] = ""
    """What all names begin with, such as `production`; environments that share a bucket need different ones"""
    endpoint: Annotated[str, Matching(r"(?:https?://[^/\s]+)?", "an address such as https://s3.example.org, without a path")] = ""
    """Address of the service; without it Amazon's. The database's host must reach it as well"""
    region: str = "us-east-1"
    """Region of the bucket; `auto` for R2"""
    access_key: Credential
    """Template of the access key's id, such as "{{ secrets.backup_access_key }}\""""
    secret_key: Credential
    """Template of the secret key; it never leaves the controller"""
    part_mib: Annotated[int, Field(ge=SMALLEST_PART, le=LARGEST_PART)] | None = None
    """Size of the parts in MiB; without it chosen from the database's size. The host holds two of them in its memory"""
    storage_class: Annotated[str, Matching(r"[A-Z0-9_]*", "a storage class such as STANDARD_IA")] = ""
    """Storage class of the parts; without it the bucket's own. One that cannot be read at once breaks restoring"""


class StoreEntry(Entry):
    """A place for backups: a folder on the controller or on another host, or a bucket."""

    name: str
    directory: str = ""
    """Folder on the controller (a path that does not begin with / is in the project's folder), or on `host`"""
    host: str = ""
    """Name of the host that `directory` is on, not the database's own; the database's host sends to it by itself, encrypted"""
    port: Annotated[int, Field(ge=1024, le=65535)] = RECEIVING_PORT
    """With `host`: TCP port that it listens on while a backup arrives; the role firewall opens it to the databases' hosts alone"""
    s3: S3 | None = None
    """Bucket that the database's host sends to by itself, with addresses that the controller signs for each part"""

    @model_validator(mode="after")
    def _one(self) -> StoreEntry:
        if bool(self.directory) == bool(self.s3):
            raise ValueError("should have one of `directory` and `s3`")
        if self.host and not re.fullmatch(r"/[^\0\n]*[^/\0\n]", self.directory):
            raise ValueError("should have a `directory` on its host that begins with /")
        return self

    @property
    def off_site(self) -> bool:
        """Whether what is stored leaves the controller's and the database's hands: only encrypted backups may."""
        return self.s3 is not None or bool(self.host)


def store_templates(stores: Mapping[str, StoreEntry]) -> Iterator[tuple[KeyPath, str]]:
    """Each template of the section, with where it stands."""
    for name, store in stores.items():
        if store.s3:
            yield ("stores", name, "s3", "access_key"), store.s3.access_key
            yield ("stores", name, "s3", "secret_key"), store.s3.secret_key


def secrets_of_stores(environment: Environment) -> frozenset[str]:
    """The names of the secrets that the credentials of stores are made of."""
    texts = "\n".join(text for _path, text in store_templates(environment.stores))
    return frozenset(name for name in environment.secrets if re.search(rf"\bsecrets\b.*?\b{name}\b", texts))


def check_stores(environment: Environment, stores: tuple[str, ...], faults: Faults) -> None:
    """What backups say about stores; `stores` are all names, refused ones' too."""

    def fault(path: KeyPath, text: str) -> None:
        faults.add(environment.tree.place(path), path, text)

    for store in environment.stores.values():
        if store.host and store.host not in environment.hosts:
            close = did_you_mean(store.host, tuple(environment.hosts))
            fault(("stores", store.name, "host"), f"no host is called {store.host!r}{close}")
    for backup in environment.backups.values():
        for number, name in enumerate(backup.stores):
            path: KeyPath = ("backups", backup.name, "stores", number)
            if name not in stores:
                fault(path, f"no store is called {name!r}{did_you_mean(name, stores)}")
            elif name in environment.stores and (why := _unfit(backup, environment.stores[name])):
                fault(path, why)


def _unfit(backup: Backup, store: StoreEntry) -> str:
    """Why this backup cannot go there; empty if it can."""
    if store.off_site and not backup.recipients:
        return f"{store.name} is not on the controller: what goes there has to be encrypted, give the backup `recipients`"
    if store.host == backup.host:
        return f"{store.name} is on {store.host}, where the data is: what that host loses would be lost with its copy"
    return ""


def label(name: str, store: str) -> str:
    """What one database's backups in one store are called."""
    return name if store == BY_DIRECTORY else f"{name} in {store}"
