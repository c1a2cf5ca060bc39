"""`backup.status`: whether all backups are as they should be. See docs/backup.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.context import Context

from windlass.tasks.backup_options import NAME, STORE
from windlass.tasks.common import Options, command

if TYPE_CHECKING:
    from windlass.events import Listener
    from windlass.flows.workspace import Workspace
    from windlass.tasks.door import Outcome


@command(
    name=NAME, store=STORE, metrics="also write the figures into this file, for node_exporter's textfile collector: …/windlass.prom"
)
def status(
    _context: Context, *, env: str = "", name: str = "", store: str = "", metrics: str = "", json: bool = False, lab: bool = False
) -> None:
    """
    Say how the backups stand, and what is wrong with them.

    A line for each database and store: age, size and its trend, last proof,
    next run. Limits are those of the inventory: `rpo`, `proven_within`. No
    database's host is called, so another machine can ask for all of them; a
    store that does not answer is one of the things that are wrong, and the
    others are shown.

    Example:

        invoke backup.status --env production
        invoke backup.status --env production \\
            --metrics /var/lib/prometheus/node-exporter/windlass.prom

    Exit codes: 0 all is well, 1 something is beyond its limits (it says what),
    2 wrong usage or inventory.
    """
    from datetime import UTC, datetime
    from pathlib import Path

    from windlass.flows.backups.standing import standings
    from windlass.flows.backups.vault import chosen_places
    from windlass.tasks import backup_status_words as words
    from windlass.tasks.running import run_flow

    def work(workspace: Workspace, _listener: Listener) -> Outcome:
        now = datetime.now(UTC)
        found = standings(workspace, chosen_places(workspace.environment, name, store), now)
        if metrics:
            words.metrics(found, workspace.environment.name, Path(metrics), now)
        return words.stood(found)

    run_flow("backup.status", Options.of(locals()), work, changes=False)
