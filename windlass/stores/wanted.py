"""Who wants a backup to stay although its owner lets it go: whoever pinned it, and whoever reads it just now."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from pydantic import AwareDatetime, ValidationError

from windlass.errors import RefusedError
from windlass.stores.manifest import PIN, Pin, Record
from windlass.stores.store import SWEPT_AFTER

READ_LOCK: Final = "read-lock-"  # the names of the locks begin so; each reader has one of its own


class ReadLock(Record):
    """Somebody reads a backup, such as another environment that restores it. What a crash left of one counts for a day only.

    purpose   what for, and in which environment
    file      what it is called beside the backup
    """

    backup: str
    at: AwareDatetime
    operator: str
    purpose: str
    file: str

    @property
    def words(self) -> str:
        """As a reason why it stays."""
        return f"{self.operator} reads it since {self.at:%Y-%m-%d %H:%M} UTC: {self.purpose}"


def is_wish(file: str, age: timedelta) -> bool:
    """Whether a file that lies beside a backup, written so long ago, keeps it from being removed."""
    return file == PIN or (file.startswith(READ_LOCK) and age < SWEPT_AFTER)


def stays(backup_id: str, file: str, text: str | bytes) -> RefusedError:
    """What to say to whoever would remove a backup beside which this file lies. One that nobody understands counts, too."""
    try:
        why = (Pin if file == PIN else ReadLock).model_validate_json(text).words
    except ValidationError:
        why = f"{file} lies beside it"
    return RefusedError(f"{backup_id} stays for now: {why}", hint="it goes when nobody wants it any more")
