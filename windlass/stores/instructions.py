"""How to restore a backup with nothing but what Debian brings: the text beside each backup."""

from __future__ import annotations

import shlex

from windlass.stores.manifest import DUMP, GLOBALS, Manifest
from windlass.stores.part_instructions import opened, part_instructions

_TEXT = """\
# {name}, {taken:%Y-%m-%d %H:%M:%S} UTC

The database `{database}` of {host} (PostgreSQL {server_version}), {rows} rows in {tables} tables.
This file says how to get it back without Windlass. Needed: {programs}, and `psql` and `pg_restore` of PostgreSQL {major} or newer
(`apt-get install {packages} postgresql-client`). Run the commands in this folder as a superuser of the new server, such as
`postgres`.

{key}Is it whole? Both must say nothing bad:

```sh check
echo '{sha256}  {dump}' | sha256sum --check
{open_dump} | pg_restore --file=/dev/null
```

Was it written by whom you think? `signer.pem` must be the public key that you know of your controller; then:

```sh signature
openssl pkeyutl -verify -pubin -inkey signer.pem -rawin -in manifest.json -sigfile manifest.json.sig
```

On a new server, first the roles, with their passwords. It is well if this complains that `postgres` exists already.

```sh roles
{open_globals} | psql --dbname postgres
```

Then the database. `NEW` is what it shall be called; it must not exist yet.

```sh restore
NEW={restored}
createdb --template template0{options} "$NEW"
{open_dump} | pg_restore --exit-on-error --dbname "$NEW"
psql --dbname "$NEW" --command ANALYZE
```

`source` in `manifest.json` holds what no dump does: privileges (`access`) and settings (`settings`) of the database itself.
`tables` there are the rows of each table in the moment of the snapshot, to compare with.
"""

_BARE = """\
# {name}, {taken:%Y-%m-%d %H:%M:%S} UTC

Files of {host}; no database. This file says how to get them back without Windlass. Needed: {programs}
(`apt-get install {packages}`). Run the commands in this folder.

{key}Was it written by whom you think? `signer.pem` must be the public key that you know of your controller; then:

```sh signature
openssl pkeyutl -verify -pubin -inkey signer.pem -rawin -in manifest.json -sigfile manifest.json.sig
```
"""

_KEY = """\
It is encrypted with age. The private key of {recipients}
has to be in this folder as `identity.txt` (as age-keygen writes it); take it away afterwards.

"""


def _opening(manifest: Manifest) -> dict[str, str]:
    """What is needed to turn parts into what they were before they were compressed and perhaps encrypted."""
    if not manifest.recipients:
        return {"programs": "`zstd`", "packages": "zstd", "key": ""}
    key = _KEY.format(recipients=" or ".join(f"`{each}`" for each in manifest.recipients))
    return {"programs": "`age`, `zstd`", "packages": "age zstd", "key": key}


def instructions(manifest: Manifest) -> str:
    """The text for one backup."""
    return (_of_database(manifest) if manifest.database else _of_files(manifest)) + part_instructions(manifest)


def _of_files(manifest: Manifest) -> str:
    return _BARE.format(name=manifest.name, taken=manifest.taken, host=manifest.host, **_opening(manifest))


def _of_database(manifest: Manifest) -> str:
    source = manifest.source
    options = {"--encoding": "encoding", "--lc-collate": "collate", "--lc-ctype": "ctype", "--owner": "owner"}
    words = "".join(f" {option} {shlex.quote(str(source[key]))}" for option, key in options.items() if source.get(key))
    if source.get("provider") == "i":
        words += f" --locale-provider icu --icu-locale {shlex.quote(str(source['locale']))}"
    return _TEXT.format(
        name=manifest.name,
        taken=manifest.taken,
        database=manifest.database,
        host=manifest.host,
        server_version=manifest.server_version,
        major=manifest.server_version.split(".")[0],
        rows=manifest.rows,
        tables=len(manifest.tables),
        sha256=manifest.dump.sha256,
        dump=manifest.part(DUMP),
        open_dump=opened(manifest, manifest.part(DUMP)),
        open_globals=opened(manifest, manifest.part(GLOBALS)),
        **_opening(manifest),
        restored=shlex.quote(f"{manifest.database}_restored"),
        options=words,
    )
