"""What the section `stores:` has to agree with."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from windlass.inventory.faults import Faults, did_you_mean
from windlass.inventory.located import KeyPath

if TYPE_CHECKING:
    from windlass.inventory.backups import Backup
    from windlass.inventory.environment import Environment
    from windlass.inventory.stores import StoreEntry


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
