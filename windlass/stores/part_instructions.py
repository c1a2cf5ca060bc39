"""The part of RESTORE.md that is about folders, configuration and Redis."""

from __future__ import annotations

import posixpath
import shlex

from windlass.stores.manifest import Manifest, Part

_ARCHIVE = """\
## {name}

{what}: {entries} entries, which were `{path}` of {host}{changed}.
As root; `PLACE` must not exist yet.

```sh part-{name}
echo '{sha256}  {file}' | sha256sum --check
PLACE={place}
mkdir "$PLACE"
{opened} | tar --extract --file=- --preserve-permissions --same-owner --directory="$PLACE"
```
"""

_REDIS = """\
## redis

{entries} keys of the Redis of {host} (`{path}`). A file to look at, with `redis-check-rdb` of the package redis-tools:

```sh part-redis
echo '{sha256}  {file}' | sha256sum --check
{opened} >dump.rdb
redis-check-rdb dump.rdb
```

In the place of what a Redis of Debian holds, as root. What was there goes to `/var/lib/redis.before`. With a password say
`export REDISCLI_AUTH=…` first. Redis does not read `dump.rdb` while `appendonly` is on, so it starts once without.

```sh redis-swap
systemctl stop redis-server
mkdir /var/lib/redis.before
find /var/lib/redis -mindepth 1 -maxdepth 1 -exec mv -t /var/lib/redis.before {{}} +
install -o redis -g redis -m 660 dump.rdb /var/lib/redis/dump.rdb
su -s /bin/sh redis -c 'redis-server /etc/redis/redis.conf --appendonly no --supervised no --pidfile "" --daemonize yes'
until redis-cli PING | grep -q PONG; do sleep 0.2; done
redis-cli CONFIG SET appendonly yes
while redis-cli INFO persistence | grep -q -e aof_rewrite_in_progress:1 -e aof_rewrite_scheduled:1; do sleep 0.2; done
redis-cli SHUTDOWN
systemctl start redis-server
```
"""

_WORDS = {"directory": "A folder", "configuration": "Configuration; it may hold secrets"}


def part_instructions(manifest: Manifest) -> str:
    """How each part that is no database comes back; empty where there is none."""
    return "".join("\n" + _one(manifest, name, file, manifest.parts[file]) for name, file in manifest.extras.items())


def _one(manifest: Manifest, name: str, file: str, part: Part) -> str:
    values = {
        "name": name,
        "file": file,
        "sha256": part.sha256,
        "entries": part.entries,
        "path": part.path,
        "host": manifest.host,
        "opened": opened(manifest, file),
    }
    if part.kind == "redis":
        return _REDIS.format(**values)
    beside = part.path if part.kind == "directory" else "/root/configuration"
    return _ARCHIVE.format(
        what=_WORDS[part.kind],
        changed="; some changed while it was read, see `changed` in `manifest.json`" if part.changed else "",
        place=shlex.quote(posixpath.normpath(beside) + "_restored"),
        **values,
    )


def opened(manifest: Manifest, file: str) -> str:
    """The command that turns a part into what it was before it was compressed and perhaps encrypted."""
    if manifest.recipients:
        return f"age --decrypt --identity identity.txt {file} | zstd -dc"
    return f"zstd -dc {file}"
