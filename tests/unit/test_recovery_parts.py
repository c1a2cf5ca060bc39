"""What a recovery point consists of, and what is written about it."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tests.unit.test_stores import manifest
from windlass.flows.backups.recovery_parts import told_parts, wanted_parts
from windlass.inventory import Backup
from windlass.stores.instructions import instructions
from windlass.stores.manifest import DUMP, Part

PLACE = {"name": "shop", "host": "db1", "directory": "backups"}
UPLOADS = {"uploads": {"path": "/srv/shop/uploads", "exclude": ("*.tmp",)}}


def part(kind: str, path: str, **more: object) -> Part:
    return Part.model_validate(
        {"sha256": "1" * 64, "stored_bytes": 5, "raw_bytes": 9, "seconds": 1, "kind": kind, "path": path, **more}
    )


def test_the_database_is_dumped_before_the_files_that_its_rows_speak_of_are_packed() -> None:
    entry = Backup.model_validate(
        {**PLACE, "database": "shop", "directories": UPLOADS, "configuration": ("/etc/nginx",), "redis": {}}
    )

    parts = list(wanted_parts(entry))

    assert [each.name for each in parts] == [
        "dump.zst",
        "globals.sql.zst",
        "redis.rdb.zst",
        "uploads.tar.zst",
        "configuration.tar.zst",
    ]
    assert [each.kind for each in parts] == ["", "", "redis", "directory", "configuration"]
    assert [each.step for each in parts] == ["dump", "dump", "pack", "pack", "pack"]


def test_what_there_is_besides_the_database_has_short_names() -> None:
    stored = manifest(
        "a",
        parts={
            DUMP: part("", ""),
            "uploads.tar.zst": part("directory", "/srv/up", entries=3, changed=("./a: file changed as we read it",)),
            "redis.rdb.zst": part("redis", "/etc/redis/redis.conf", entries=7),
        },
    )

    assert dict(stored.extras) == {"uploads": "uploads.tar.zst", "redis": "redis.rdb.zst"}
    assert told_parts(stored) == (
        "uploads: 3 entries, some of which changed meanwhile, 9 B in 5 B",
        "redis: 7 keys, 9 B in 5 B",
    )


def test_instructions_of_files_alone_speak_of_no_database_and_quote_paths() -> None:
    parts = {"uploads.tar.zst.age": part("directory", "/srv/my shop/", entries=3)}
    text = instructions(manifest("a", format=3, database="", tables={}, source={}, recipients=("age1x",), parts=parts))

    assert "pg_restore" not in text
    assert "PLACE='/srv/my shop_restored'\n" in text
    assert "age --decrypt --identity identity.txt uploads.tar.zst.age | zstd -dc | tar --extract" in text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "holds nothing"),
        ({"directories": UPLOADS, "smoke": ("select true",)}, "smoke questions need a database"),
        ({"directories": {"dump": {"path": "/srv"}}}, "none of ours"),
        ({"directories": {"uploads": {"path": "srv"}}}, "a path that begins with /"),
    ],
)
def test_what_could_not_be_backed_up_is_a_fault_of_the_inventory(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Backup.model_validate(PLACE | changes)
