"""The tests' databases with a bucket as their store, as if these were no twins but the real hosts."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pyrage

from windlass.flows.backups.backup import BackedUp, backup
from windlass.flows.backups.holdings import holding
from windlass.flows.backups.store_opening import open_store
from windlass.flows.secrets.known_secrets import KnownSecrets
from windlass.flows.workspace import Workspace, open_workspace
from windlass.inventory import S3, Backup, SecretEntry, StoreEntry, local_secrets
from windlass.stores.published import Stored
from windlass.stores.s3 import S3Store

STORE = "off"


@dataclass(frozen=True)
class Offsite:
    """A workspace whose backups go to a bucket, encrypted."""

    workspace: Workspace
    recipient: str

    def entry(self, name: str = "tickets") -> Backup:
        entry = self.workspace.environment.backup(name)
        return entry.model_copy(update={"stores": (STORE,), "directory": "", "recipients": (self.recipient,)})

    def backup(self, name: str = "tickets") -> BackedUp:
        return backup(self.workspace, self.entry(name))

    def store(self, name: str = "tickets") -> S3Store:
        store = open_store(self.workspace, self.entry(name))
        assert isinstance(store, S3Store)
        return store

    def stored(self, name: str = "tickets") -> tuple[Stored, ...]:
        return holding(self.workspace, self.entry(name)).backups


def offsite(workspace: Workspace, endpoint: str, keys: tuple[str, str], recipient: str) -> Offsite:
    """`endpoint` is where the hosts reach it; this machine does, too."""
    described = S3.model_validate(
        {
            "bucket": "acme",
            "prefix": "production",
            "endpoint": endpoint,
            "access_key": "{{ secrets.bucket_access }}",
            "secret_key": "{{ secrets.bucket_secret }}",
            "part_mib": 5,
        }
    )
    declared: Mapping[str, SecretEntry] = {name: SecretEntry(name=name) for name in ("bucket_access", "bucket_secret")}
    stores = {STORE: StoreEntry(name=STORE, s3=described)}
    environment = replace(workspace.environment, name="lab", stores=stores, secrets=declared)
    surroundings = dict(zip(("WINDLASS_SECRET_BUCKET_ACCESS", "WINDLASS_SECRET_BUCKET_SECRET"), keys, strict=True))
    secrets = KnownSecrets(local_secrets(environment, surroundings))
    return Offsite(replace(workspace, environment=environment, secrets=secrets), recipient)


def new_key(path: Path) -> str:
    """A private key in a file, as age-keygen writes it; its public key."""
    key = pyrage.x25519.Identity.generate()
    path.write_text(f"# public key: {key.to_public()}\n{key}\n")
    return str(key.to_public())


if __name__ == "__main__":  # a controller of its own, which can be killed
    project, address, access, secret, public, database = sys.argv[1:]
    offsite(open_workspace(Path(project), "vault", lab=True), address, (access, secret), public).backup(database)
