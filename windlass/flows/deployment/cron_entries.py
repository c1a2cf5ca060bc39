"""The cron entries of a release, said as operations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from windlass.flows.deployment import containers
from windlass.operations.file import File
from windlass.operations.operation import Operation
from windlass.plans.cron import Entry, crontab, crontab_path, entry_program, program
from windlass.plans.layout import Layout

if TYPE_CHECKING:
    from windlass.inventory import Application


def cron_entries(application: Application, release: str, slot: str) -> list[Operation]:
    """Fill a slot with the entries of what runs on a host; those of the release that was in it before go."""
    layout = Layout(application.name)
    exports = containers.exports(application, slot, release)
    entries = [Entry(each.name, each.schedule, exports + each.command) for each in application.cron.values()]
    if not entries:
        return [no_cron_entries(application.name, slot)]
    programs = [
        File(
            path=program(layout, slot, each.name),
            content=entry_program(layout, slot, release, each),
            mode="0755",
        )
        for each in entries
    ]
    return [*programs, File(path=crontab_path(application.name, slot), content=crontab(layout, slot, application.user, entries))]


def no_cron_entries(application: str, slot: str) -> File:
    """Of a slot that is empty."""
    return File(path=crontab_path(application, slot), absent=True)
