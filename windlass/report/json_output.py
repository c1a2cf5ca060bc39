"""What `--json` prints: one object, described in docs/formats/json.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TextIO

from windlass.errors import DONE, FAILED, PARTLY_DONE, REFUSED, WRONG_USAGE, WindlassError
from windlass.report.errors import error_object
from windlass.report.masking import Mask
from windlass.report.progress import HostProgress, Progress

INTERRUPTED = 130
STATUS = {
    DONE: "done",
    FAILED: "failed",
    WRONG_USAGE: "wrong_usage",
    PARTLY_DONE: "partly_done",
    REFUSED: "refused",
    INTERRUPTED: "interrupted",
}


def hosts_object(progress: Progress, *, diffs: bool) -> dict[str, Any]:
    """What each host came to, counted; changes with their diffs only where diffs were asked for."""
    return {name: _host(host, diffs=diffs) for name, host in sorted(progress.hosts.items())}


def _host(host: HostProgress, *, diffs: bool) -> dict[str, Any]:
    changes = [
        {"operation": change.title, "status": change.status, "summary": change.summary} | ({"diff": change.diff} if diffs else {})
        for change in host.changes
    ]
    return {"status": host.status, "message": host.failed, **host.counts, "changes": changes}


def write_document(stream: TextIO, head: Mapping[str, Any], mask: Mask, error: WindlassError | None = None) -> None:
    """The whole document on one stream, secrets masked. `head` has all members but status and error."""
    document = dict(head) | {
        "status": STATUS.get(head["exit_code"], "failed"),
        "error": error_object(error) if error else None,
    }
    text = json.dumps(mask.value(document), indent=2, ensure_ascii=False)
    stream.write(text.encode("utf-8", "backslashreplace").decode() + "\n")  # half characters, of file names, as JSON escapes them
    stream.flush()
