"""The releases of an application on a host: what is there, what is live, switching, recording, pruning.

`root` is the application's folder, /srv/<application>. In it: `releases/<id>`, `records/<id>.json`, `slots/<slot>`, the link `live`
to the slot that serves, `progress.json` while a run changes something, and `journal`, a JSON line for each thing done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from windlass.operations.operation import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseState(Operation):
    """Read what is there. Data: live, slots, records, releases, progress, free_bytes, holder; changes nothing.

    lock  whose holder is told, with what it is at; empty: nobody's
    """

    family: ClassVar[str] = "release"

    root: str
    lock: str = ""

    def title(self) -> str:
        return f"releases in {self.root}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(Operation):
    """Write down what is about to be done, so that a broken run can be understood; an empty entry ends it."""

    family: ClassVar[str] = "release"

    root: str
    entry: Mapping[str, Any] = field(default_factory=dict)

    def title(self) -> str:
        return f"note: {self.entry.get('step', 'done')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record(Operation):
    """Merge these values into the record of a release, and append them to the journal.

    went_live  seconds since 1970, to be kept as `live_at`: when this batch was given, to which the host adds how long it took from
               then to the switch, if that is part of it. So no two clocks are compared. 0 for none
    """

    family: ClassVar[str] = "release"

    root: str
    release: str
    values: Mapping[str, Any]
    went_live: float = 0.0

    def title(self) -> str:
        return f"record of {self.release}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch(Operation):
    """Point `live` at a slot, in one rename(2): nginx looks at it for each request.

    An nginx that an earlier version of ours has set up looks at ports when it loads: that one is tested and reloaded, and the link
    put back if it objects.

    Data: `before`, the slot that was live; `milliseconds` for the switch itself.
    """

    family: ClassVar[str] = "release"

    root: str
    slot: str

    def title(self) -> str:
        return f"switch to {self.slot}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prune(Operation):
    """Remove the folders of these releases. One that a slot uses is left alone, whatever is asked."""

    family: ClassVar[str] = "release"

    root: str
    releases: tuple[str, ...]

    def title(self) -> str:
        return f"prune {len(self.releases)} old releases"
