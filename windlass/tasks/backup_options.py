"""What the tasks of `backup` share: the help of their options, and where private keys come from."""

from __future__ import annotations

import os

NAME = "the backup, as the inventory calls it (else all of the environment)"
ONE = "the backup, as the inventory calls it; may be left out where there is only one"
IDENTITY = "the file with age's private key, for an encrypted backup (or set WINDLASS_AGE_IDENTITY_FILE)"
STORE = "only this store of the inventory (else all that the backup goes to)"
ONE_STORE = "the store, as the inventory calls it (else the first that the backup goes to)"
ITS_ID = "which one: its id or the beginning of it"
ID = "which one: its id or the beginning of it (else the newest good one)"


def keys(identity: str) -> str:
    """The file with the private keys: the one that was named, else the one of the environment variable."""
    return identity or os.environ.get("WINDLASS_AGE_IDENTITY_FILE", "")
