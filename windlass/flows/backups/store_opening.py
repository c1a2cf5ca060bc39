"""From what the inventory says of a store to the store itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from windlass import events
from windlass.flows.backups.store_line import store_line
from windlass.inventory import S3, store_credentials
from windlass.stores.directory import DirectoryStore
from windlass.stores.host import HostStore
from windlass.stores.s3 import Bucket, S3Store
from windlass.stores.signature import Signatures

if TYPE_CHECKING:
    from windlass.flows.workspace import Workspace
    from windlass.inventory import Backup
    from windlass.stores.store import Store

ONLY_IN_LAB = "lab"  # this environment has no real hosts whose backups a twin's could be mixed up with


def open_store(workspace: Workspace, entry: Backup, listener: events.Listener = events.nobody) -> Store:
    """Where the inventory says that the backups go: the entry's store, the first if it has several. Raises InventoryError where a
    secret has no value.

    Those of a twin in the lab go elsewhere, never among the real ones; a folder here stands for each store.
    """
    project, environment = workspace.project, workspace.environment
    signatures = Signatures(project / ".windlass" / "keys", entry.signers)
    if workspace.lab is not None and environment.name != ONLY_IN_LAB:
        twins = project / ".windlass" / "twins" / environment.name
        return DirectoryStore(twins / "stores" / entry.store if entry.stores else twins / "backups", signatures, environment.name)
    if not entry.stores:
        return DirectoryStore(project / Path(entry.directory).expanduser(), signatures, environment.name)
    described = environment.store(entry.store)
    if described.s3:
        return _s3(workspace, entry.store, described.s3, signatures)
    if described.host:
        address = environment.host(described.host).private_address
        line = store_line(workspace, described.host, listener)
        return HostStore(described.host, described.directory, address, described.port, line, signatures, environment.name)
    return DirectoryStore(project / Path(described.directory).expanduser(), signatures, environment.name)


def _s3(workspace: Workspace, name: str, described: S3, signatures: Signatures) -> S3Store:
    access, secret = store_credentials(workspace.environment, name, workspace.secrets)
    bucket = Bucket(described.bucket, access, secret, described.endpoint, described.region)
    return S3Store(bucket, described.prefix, signatures, described.storage_class, described.part_mib, workspace.environment.name)
