"""What was lost comes back, and what was kept is proven."""

from __future__ import annotations

from demo.commands import Unexpected
from demo.stage import Stage, same

AGE = "age-encryption.org/v1"  # what everything begins with that age has encrypted


def backup(stage: Stage) -> None:
    stage.screen.chapter("A backup, and a table that somebody drops")
    rows = stage.rows()
    stage.run("backup", "backup", "--name", "tickets")
    stage.screen.good(f"streamed off the host, read back and decoded whole before it counts: {stage.took('backup')}")
    stage.on("web1", "sudo", "-u", "postgres", "psql", "-q", "-d", "tickets", "-c", "drop table tickets cascade")
    stage.screen.bad(f"drop table tickets;  {rows} tickets are gone, the site answers {stage.trouble()}")
    stage.typed("backup.restore", "--name", "tickets", "--swap")
    stage.windlass.run("restore", "backup.restore", "--name", "tickets", "--swap", "--yes")
    restored = stage.rows()
    same("the number of tickets", rows, restored)
    stage.screen.good(f"{restored} tickets are back: {stage.took('restore')}; the damaged database is kept beside it")
    stage.figures["rows"] = {"before": rows, "after": restored}


def prove(stage: Stage) -> None:
    stage.screen.chapter("Is the backup any good? A drill restores it into a PostgreSQL of its own and compares")
    stage.run("drill", "backup.drill", "--name", "tickets")
    stage.screen.good(
        f"every table has the rows that the dump's own snapshot had: {stage.took('drill')}; the backup counts as proven"
    )


def off_site(stage: Stage) -> None:
    stage.screen.chapter("The same off-site: encrypted on the database's host, and sent from there into a bucket")
    stage.outside.open_bucket()
    stage.run("backup off-site", "backup", "--name", "tickets-offsite")
    stored = {name.rsplit("/", 1)[-1]: head for name, head in stage.outside.stored().items()}
    data = {name: head for name, head in stored.items() if name.endswith(".age")}
    if not data or set(data.values()) != {AGE}:
        raise Unexpected(f"not encrypted: {stored}")
    stage.screen.quote([f"{name:24} begins with {head}" for name, head in sorted(data.items())])
    stage.screen.good(f"the host had neither the storage's key nor the one that opens it: {stage.took('backup off-site')}")
    stage.run("drill off-site", "backup.drill", "--name", "tickets-offsite", "--identity", _from_here(stage))
    stage.screen.good(f"fetched, opened with the key of this machine, restored and compared: {stage.took('drill off-site')}")
    stage.figures["off_site"] = sorted(data)


def _from_here(stage: Stage) -> str:
    return str(stage.outside.backup_key.relative_to(stage.project))
