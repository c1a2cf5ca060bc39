"""How to restore a backup with nothing but what Debian brings: the text beside each backup."""

from __future__ import annotations

import shlex

from windlass.stores.manifest import DUMP, GLOBALS, Manifest

_TEXT = """\
# {name}, {taken:%Y-%m-%d %H:%M:%S} UTC

The database `{database}` of {host} (PostgreSQL {server_version}), {rows} rows in {tables} tables.
This file says how to get it back without Windlass. Needed: `zstd`, and `psql` and `pg_restore` of PostgreSQL {major} or newer
(`apt-get install zstd postgresql-client`). Run the commands in this folder as a superuser of the new server, such as `postgres`.

Is it whole? Both must say nothing bad:

```sh check
echo '{sha256}  {dump}' | sha256sum --check
zstd -dc {dump} | pg_restore --file=/dev/null
```

On a new server, first the roles, with their passwords. It is well if this complains that `postgres` exists already.

```sh roles
zstd -dc {globals} | psql --dbname postgres
```

Then the database. `NEW` is what it shall be called; it must not exist yet.

```sh restore
NEW={restored}
createdb --template template0{options} "$NEW"
zstd -dc {dump} | pg_restore --exit-on-error --dbname "$NEW"
psql --dbname "$NEW" --command ANALYZE
```

`source` in `manifest.json` holds what no dump does: privileges (`access`) and settings (`settings`) of the database itself.
`tables` there are the rows of each table in the moment of the snapshot, to compare with.
"""


def instructions(manifest: Manifest) -> str:
    """The text for one backup."""
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
        dump=DUMP,
        globals=GLOBALS,
        restored=shlex.quote(f"{manifest.database}_restored"),
        options=words,
    )
