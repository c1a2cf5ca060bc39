"""The demonstration: its chapters in order, and what they measured."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from demo.chapters import backups, doors, hosts, https, releases, secret
from demo.commands import Windlass
from demo.screen import Screen
from demo.stage import Stage

CHAPTERS: tuple[Callable[[Stage], None], ...] = (
    hosts.boot,
    secret.plant,
    hosts.set_up,
    releases.first,
    https.certify,
    https.grade,
    releases.second,
    releases.broken,
    releases.back,
    backups.backup,
    backups.prove,
    backups.off_site,
    doors.scan,
    secret.look,
)


def tell(project: Path, screen: Screen, *, connections: int, ports: str = "") -> dict[str, Any]:
    """All chapters, with so many connections of visitors; gives the figures. Raises Unexpected when something is not as told.

    `ports` are tried from outside, such as 1-9999; all of them where it is empty.
    """
    started = time.monotonic()
    stage = Stage(project, screen, Windlass(project), connections=connections, ports=ports)
    for chapter in CHAPTERS:
        chapter(stage)
    measured = {"requests": stage.requests, "lost": stage.lost, "seconds": stage.windlass.seconds}
    return stage.figures | measured | {"total_seconds": round(time.monotonic() - started, 1)}
