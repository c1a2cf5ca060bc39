"""Where backups may go, and what the inventory refuses before anything is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.inventory_support import environment_in
from windlass.errors import InventoryError

HOSTS = "hosts: {web1: {address: 192.0.2.1}, db1: {address: 192.0.2.2}}\n"
KEY = "age1" + "q" * 58
BUCKET = """\
secrets: {access: , secret: }
stores:
  off:
    s3: {bucket: acme, endpoint: "https://s3.example.org", access_key: "{{ secrets.access }}", secret_key: "{{ secrets.secret }}"}
"""


def faults_of(tmp_path: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(InventoryError) as caught:
        environment_in(tmp_path, {"h.yml": HOSTS + text})
    return caught.value.last_lines


def test_a_backup_may_have_several_stores(tmp_path: Path) -> None:
    text = BUCKET + (
        f"  here: {{directory: backups}}\nbackups: {{t: {{database: t, host: db1, stores: [here, off], recipients: [{KEY}]}}}}\n"
    )
    environment = environment_in(tmp_path, {"h.yml": HOSTS + text})
    backup = environment.backup("t")

    assert [each.store for each in backup.each_store()] == ["here", "off"]
    assert [environment.store(name).off_site for name in backup.stores] == [False, True]
    assert backup.store == "here"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("stores: {a: {}}", "stores.a: should have one of `directory` and `s3`"),
        (
            "backups: {t: {database: t, host: db1}}",
            "backups.t: should have one of `stores` (names of the section `stores:`) and `directory`",
        ),
        (
            "stores: {near: {directory: b}}\nbackups: {t: {database: t, host: db1, stores: [nera]}}",
            "backups.t.stores[0]: no store is called 'nera' (did you mean near?)",
        ),
        (
            BUCKET + "backups: {t: {database: t, host: db1, stores: [off]}}",
            "backups.t.stores[0]: off is not on the controller: what goes there has to be encrypted, give the backup `recipients`",
        ),
        ("stores: {a: {host: web1}}", "stores.a: should have one of `directory` and `s3`"),
        ("stores: {a: {host: web1, directory: backups}}", "stores.a: should have a `directory` on its host that begins with /"),
        ("stores: {a: {host: wbe1, directory: /srv/b}}", "stores.a.host: no host is called 'wbe1' (did you mean web1?)"),
        (
            "stores: {a: {host: web1, directory: /srv/b}}\nbackups: {t: {database: t, host: db1, stores: [a]}}",
            "backups.t.stores[0]: a is not on the controller: what goes there has to be encrypted, give the backup `recipients`",
        ),
        (
            ("stores: {a: {host: db1, directory: /srv/b}}\n"
            f"backups: {{t: {{database: t, host: db1, stores: [a], recipients: [{KEY}]}}}}"),
            "backups.t.stores[0]: a is on db1, where the data is: what that host loses would be lost with its copy",
        ),
        (
            'stores: {a: {s3: {bucket: acme, access_key: "{{ secrets.no }}", secret_key: "{{ secrets.no }}"}}}',
            "stores.a.s3.access_key: no secret is called 'no': declare it under `secrets:`",
        ),
        (
            'stores: {a: {s3: {bucket: acme, access_key: AKIA, secret_key: "{{ secrets.no }}"}}}',
            'stores.a.s3.access_key: should come from a secret, such as "{{ secrets.backup_key }}": it must not stand here',
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_with_file_and_line(tmp_path: Path, text: str, fault: str) -> None:
    found = faults_of(tmp_path, text)

    line = 2 + text.rstrip("\n").count("\n")
    assert any(each.startswith(f"inventories/staging/h.yml:{line}: {fault}") for each in found), found
