"""Where backups can go: the section `stores:`."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field, model_validator

from windlass.inventory.schema import Entry, Matching, Template

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


def label(name: str, store: str) -> str:
    """What one database's backups in one store are called."""
    return name if store == BY_DIRECTORY else f"{name} in {store}"
