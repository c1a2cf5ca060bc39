"""What is said to those who are not watching: that something failed, and that it works again. Values in, texts out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from windlass.inventory.stores import label

FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Notice:
    """What is to be told.

    event     `failed`, `refused` (it never began: a lock was held) or `recovered`
    what      `backup`, `drill` or `prune`
    since     when it first failed; the same as `at` for a first failure
    message   what went wrong; empty when nothing does any more
    lines     the last words of what failed
    """

    event: Literal["failed", "refused", "recovered"]
    what: str
    environment: str
    name: str
    store: str
    database: str
    host: str
    operator: str
    at: datetime
    since: datetime
    message: str = ""
    hint: str = ""
    lines: tuple[str, ...] = ()

    @property
    def headline(self) -> str:
        """All of it in one line."""
        subject = f"{self.environment}: {self.what} of {label(self.name, self.store)}"
        if self.event == "recovered":
            return f"{subject} works again"
        return f"{subject} {'failed' if self.event == 'failed' else 'was refused'}: {self.message}"


def payload(notice: Notice) -> Mapping[str, Any]:
    """The JSON object of docs/formats/notification.md; chat programs show its `text`."""
    return {
        "format": FORMAT,
        "text": notice.headline,
        "event": notice.event,
        "what": notice.what,
        "environment": notice.environment,
        "name": notice.name,
        "store": notice.store,
        "database": notice.database,
        "host": notice.host,
        "operator": notice.operator,
        "at": notice.at.isoformat(timespec="seconds"),
        "since": notice.since.isoformat(timespec="seconds"),
        "message": notice.message,
        "hint": notice.hint,
        "last_lines": list(notice.lines),
    }


def letter(notice: Notice) -> tuple[str, str]:
    """Subject and text of an e-mail."""
    of = f"database {notice.database} " if notice.database else ""
    facts = [
        f"what      {notice.what} of {label(notice.name, notice.store)} ({of}on {notice.host})",
        f"when      {notice.at:%Y-%m-%d %H:%M:%S} UTC",
        *([f"since     {notice.since:%Y-%m-%d %H:%M:%S} UTC"] if notice.since != notice.at else []),
        f"from      {notice.operator}",
    ]
    said = [*([notice.message] if notice.message else []), *notice.lines]
    parts = [notice.headline, "\n".join(facts), "\n".join(said), f"hint: {notice.hint}" if notice.hint else ""]
    subject = f"[windlass] {notice.headline}".splitlines()[0]
    return subject[:150], "\n\n".join(part for part in parts if part) + "\n"
