"""Recovery points with folders, configuration and Redis, on a real host."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyrage
import pytest

from tests.lab.backups.offsite import STORE, new_key, offsite
from tests.lab.backups.place import LEFT, Place
from tests.s3.servers import KEY, server
from tests.waiting import until
from windlass.errors import BackupError, OperationFailed, UsageError
from windlass.flows.backups.backup import BackedUp, backup
from windlass.flows.backups.drill import drill
from windlass.flows.backups.holdings import holding, verify
from windlass.flows.backups.restore import restore
from windlass.flows.backups.restore_part import PartWish, explain_part, restore_part
from windlass.inventory import Backup
from windlass.plans.restoration import Wish
from windlass.testing.lab import shell

pytestmark = pytest.mark.lab

PASSWORD = "let-me-in"  # noqa: S105 - of a host that lives for minutes
SETUP = f"""
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq redis-server >/dev/null
systemctl stop redis-server
sed -i 's/^appendonly no/appendonly yes/; s/^# requirepass .*/requirepass {PASSWORD}/' /etc/redis/redis.conf
printf 'repl-diskless-sync-delay 0\\n' >>/etc/redis/redis.conf
rm -rf /var/lib/redis/*
systemctl start redis-server
until redis-cli -a {PASSWORD} --no-auth-warning PING | grep -q PONG; do sleep 0.1; done
for number in $(seq 300); do echo "SET key:$number value"; done | redis-cli -a {PASSWORD} --no-auth-warning >/dev/null
mkdir -p /srv/app/uploads/cache /srv/app/releases/one
ln -sfn releases/one /srv/app/live
echo SECRET=1 >/srv/app/releases/one/.env; chmod 600 /srv/app/releases/one/.env
cd /srv/app/uploads
echo hello >'name with spaces and ü'; printf x >"$(printf 'a\\nnewline')"; ln -s nowhere dangling; mkdir empty
chown 1234:4321 empty; chmod 2750 empty; echo gone >cache/file; echo gone >left.tmp
truncate -s 50M holes; for number in $(seq 200); do echo $number >file$number; done
"""
CONFIGURATION = ("/etc/postgresql", "/srv/*/live/.env")


@dataclass(frozen=True)
class Point:
    """A database with uploads, configuration and Redis."""

    place: Place
    entry: Backup

    def backup(self, **changes: object) -> BackedUp:
        return backup(self.place.workspace, self.changed(**changes))

    def changed(self, **changes: object) -> Backup:
        return Backup.model_validate(self.entry.model_dump(exclude_defaults=True) | changes)

    def without_database(self, **changes: object) -> Backup:
        kept = self.entry.model_dump(exclude_defaults=True, exclude={"database", "smoke"})
        return Backup.model_validate(kept | changes)

    def ids(self) -> list[str]:
        return [each.id for each in holding(self.place.workspace, self.entry).backups]


@pytest.fixture(scope="module")
def point(place: Place) -> Iterator[Point]:
    place.shell(SETUP)
    uploads = {"path": "/srv/app/uploads", "exclude": ("*.tmp", "./cache")}
    entry = Backup.model_validate(
        {
            **place.entry().model_dump(exclude_defaults=True),
            "directories": {"uploads": uploads},
            "configuration": CONFIGURATION,
            "redis": {},
        }
    )
    yield Point(place, entry)
    place.shell("systemctl stop redis-server")


def tree(place: Place, folder: str) -> str:
    """Everything of a folder that an archive has to keep."""
    found = f"cd {folder} && find . ! -name left.tmp ! -path './cache*' -printf '%p %y %m %U:%G %s %l %T@\\n' | sort"
    return place.shell(f"{found}; find . -type f ! -name left.tmp ! -path './cache/*' -print0 | sort -z | xargs -0 sha256sum")


def test_one_point_holds_all_is_proven_and_comes_back_part_by_part(point: Point) -> None:
    place, done = point.place, point.backup()
    manifest = place.stored(done.id).manifest
    uploads, settings, redis = (manifest.parts[f"{name}.zst"] for name in ("uploads.tar", "configuration.tar", "redis.rdb"))

    proof = drill(place.workspace, point.entry, backup=done.id).proof
    came = {
        part: restore_part(place.workspace, point.entry, PartWish(part, f"/srv/back-{part}"), backup=done.id)
        for part in ("uploads", "configuration", "redis")
    }
    told = explain_part(place.workspace, point.entry, PartWish("uploads", "/srv/x"), backup=done.id)
    with pytest.raises(OperationFailed, match="/srv/back-uploads is there already"):
        restore_part(place.workspace, point.entry, PartWish("uploads", "/srv/back-uploads"), backup=done.id)
    with pytest.raises(UsageError, match="has no part 'upload'"):
        restore_part(place.workspace, point.entry, PartWish("upload", "/srv/x"), backup=done.id)

    assert (uploads.kind, uploads.path, uploads.exclude) == ("directory", "/srv/app/uploads", ("*.tmp", "./cache"))
    assert (uploads.entries, uploads.changed, redis.entries) == (206, (), 300)
    assert uploads.raw_bytes < 5_000_000, "a hole of 50 MB is not written out"
    assert (proof.passed, proof.parts) == (True, {"redis": 300, "uploads": 206, "configuration": settings.entries})
    assert tree(place, "/srv/back-uploads") == tree(place, "/srv/app/uploads")
    assert place.shell("cat /srv/back-configuration/srv/app/live/.env; stat -c %a /srv/back-configuration") == "SECRET=1\n700"
    assert place.shell("diff -r /srv/back-configuration/etc/postgresql /etc/postgresql && echo same") == "same"
    assert "300 keys read" in place.shell("redis-check-rdb /srv/back-redis")
    assert came["redis"].entries == 300
    assert any("come to /srv/x on backup, where nothing may be" in line for line in told)
    assert place.shell(f"{LEFT}; ls -A /var/lib/windlass/work; ls -d /srv/x 2>/dev/null || true") == ""


def test_what_stands_beside_it_brings_files_and_redis_back_without_windlass(point: Point) -> None:
    place, done = point.place, point.backup()
    blocks = dict(re.findall(r"```sh ([\w-]+)\n(.*?)```", (Path(done.place) / "RESTORE.md").read_text(), re.DOTALL))
    place.shell("rm -rf /tmp/parts && mkdir -m 700 /tmp/parts")
    for name in ("uploads.tar.zst", "configuration.tar.zst", "redis.rdb.zst"):
        shell(place.machine, f"cat >/tmp/parts/{name}", given=(Path(done.place) / name).read_bytes())
    ask = f"redis-cli -a {PASSWORD} --no-auth-warning"
    place.shell(f"{ask} FLUSHALL && {ask} SET other thing")

    def typed(block: str) -> str:
        return place.shell(f"cd /tmp/parts && export REDISCLI_AUTH={PASSWORD} && set -o pipefail\n{blocks[block]}")

    told = [typed(block) for block in ("part-uploads", "part-configuration", "part-redis", "redis-swap")]
    until(lambda: place.shell(f"{ask} PING || true") == "PONG")

    assert [line.splitlines()[0].endswith(": OK") for line in told[:3]] == [True, True, True]
    assert tree(place, "/srv/app/uploads_restored") == tree(place, "/srv/app/uploads")
    assert place.shell("cat /root/configuration_restored/srv/app/live/.env") == "SECRET=1"
    assert place.shell(
        f"{ask} DBSIZE; {ask} EXISTS other; {ask} CONFIG GET appendonly; cd /var/lib/redis.before; touch dump.rdb; ls"
    ) == ("300\n0\nappendonly\nyes\nappendonlydir\ndump.rdb")


def test_a_file_that_changes_while_it_is_read_is_said(point: Point) -> None:
    place = point.place
    place.shell("mkdir -p /srv/busy && head -c 40M /dev/urandom >/srv/busy/a && head -c 1M /dev/urandom >/srv/busy/b")
    place.shell(
        "systemd-run -q --unit=busy /bin/sh -c "
        "'while :; do head -c 40000000 /dev/urandom >>/srv/busy/a; truncate -s 40M /srv/busy/a; done'"
    )
    try:
        busy = point.without_database(configuration=(), redis=None, directories={"busy": {"path": "/srv/busy"}}, name="busy")
        done = backup(place.workspace, busy)
    finally:
        place.shell("systemctl stop busy")
    manifest = next(each for each in holding(place.workspace, busy).backups if each.id == done.id).manifest
    part = manifest.parts["busy.tar.zst"]

    assert any(line.startswith("./a: ") for line in part.changed), part.changed
    assert part.entries == 3
    assert (manifest.format, manifest.database, manifest.tables) == (3, "", {})


def test_a_point_of_folders_alone_is_verified_proven_and_has_no_database_to_restore(point: Point, tmp_path: Path) -> None:
    key = pyrage.x25519.Identity.generate()
    (tmp_path / "key").write_text(f"{key}\n")
    entry = point.without_database(configuration=(), name="files", recipients=(str(key.to_public()),))
    workspace, identity = point.place.workspace, str(tmp_path / "key")
    done = backup(workspace, entry)

    checked = verify(workspace, entry, identity=identity)
    proof = drill(workspace, entry, identity=identity).proof
    with pytest.raises(UsageError, match="holds no database") as caught:
        restore(workspace, entry, Wish())
    back = restore_part(workspace, entry, PartWish("uploads", "/srv/sealed"), identity=identity)
    path = Path(done.place) / "uploads.tar.zst.age"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BackupError, match=r"uploads\.tar\.zst\.age is missing or cut off"):
        verify(workspace, entry, done.id, identity=identity)

    assert caught.value.hint == "say --part redis or --part uploads --into PATH"
    assert (checked.decoded, proof.passed, proof.parts) == (True, True, {"redis": 300, "uploads": 206})
    assert tree(point.place, "/srv/sealed") == tree(point.place, "/srv/app/uploads")
    assert back.entries == 206


@pytest.mark.parametrize("kind", ["moto", "s3rver"])
def test_folders_and_redis_go_into_a_bucket_and_come_back(point: Point, tmp_path: Path, kind: str) -> None:
    place, identity = point.place, tmp_path / "identity.txt"
    gateway = place.machine.address.rpartition(".")[0] + ".1"
    with server(kind, tmp_path) as port:
        off = offsite(place.workspace, f"http://{gateway}:{port}", (KEY, KEY), new_key(identity))
        entry = point.without_database(stores=(STORE,), directory="", recipients=(off.recipient,))

        done = backup(off.workspace, entry)
        proof = drill(off.workspace, entry, identity=str(identity)).proof
        back = {
            part: restore_part(off.workspace, entry, PartWish(part, f"/srv/{kind}-{part}"), identity=str(identity)).entries
            for part in ("uploads", "redis")
        }

    assert done.place.startswith("s3://")
    assert (proof.passed, proof.parts["redis"], proof.parts["uploads"]) == (True, 300, 206)
    assert back == {"uploads": 206, "redis": 300}
    assert tree(place, f"/srv/{kind}-uploads") == tree(place, "/srv/app/uploads")
    assert "300 keys read" in place.shell(f"redis-check-rdb /srv/{kind}-redis")


BROKEN = {
    "a folder that is not there": ({"directories": {"uploads": {"path": "/srv/nowhere"}}}, "there is no folder /srv/nowhere"),
    "a pattern that fits nothing": ({"configuration": ("/srv/*/nothing",)}, r"nothing to back up at /srv/\*/nothing"),
    "a Redis that does not answer": ({"redis": {"configuration": "/root/other.conf"}}, "redis-cli ended with status 1"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_any_part_that_fails_fails_the_point(point: Point, case: str) -> None:
    changes, said = BROKEN[case]
    point.place.shell("echo 'port 7777' >/root/other.conf")
    before = point.ids()

    with pytest.raises(OperationFailed, match=said):
        backup(point.place.workspace, point.without_database(**{"redis": None, **changes}))

    assert point.ids() == before
    assert point.place.shell("ls -A /var/lib/windlass/work") == ""


@pytest.mark.parametrize(("program", "its_own"), [("tar", "*--create*"), ("zstd", "*-T0*"), ("redis-cli", "*--rdb*")])
def test_a_program_that_is_killed_on_the_way_fails_the_point(point: Point, program: str, its_own: str) -> None:
    place, before = point.place, point.ids()
    real = f"/usr/bin/{program}.away"
    dying = f"""#!/bin/sh
case "$*" in {its_own}) {real} "$@" | head -c 100; kill -9 $$;; esac
exec {real} "$@"
"""
    place.shell(f"mv /usr/bin/{program} {real}")
    shell(place.machine, f"cat >/usr/bin/{program}; chmod 755 /usr/bin/{program}", given=dying.encode())
    try:
        with pytest.raises(OperationFailed, match=r"ended by signal 9|status -9|status 137"):
            backup(place.workspace, point.without_database())
    finally:
        place.shell(f"mv {real} /usr/bin/{program}")

    assert point.ids() == before
    assert place.shell("ls -A /var/lib/windlass/work") == ""
