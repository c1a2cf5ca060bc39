"""What was lost comes back, and what was kept is proven."""

from __future__ import annotations

from demo.stage import Stage, same


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
