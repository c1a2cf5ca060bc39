"""What an application does at set times."""

from __future__ import annotations

from typing import Annotated, Literal

from windlass.inventory.schema import Entry, Matching, Schedule


class CronEntry(Entry):
    """A command that cron runs in the release that serves, as the application's user and with its environment."""

    name: str
    schedule: Schedule
    """When, as cron writes it: minute, hour, day of the month, month, day of the week; or @hourly, @daily and their kind"""
    command: Annotated[str, Matching(r"\S(?:.*\S)?", "a command such as node src/nightly.js")]
    """What is run, by a shell, in the release's folder. Not a template: the shell knows the application's environment variables"""
    on: Literal["first", "every"] = "first"
    """Where there are several hosts: on the first of them only, or on every one"""
