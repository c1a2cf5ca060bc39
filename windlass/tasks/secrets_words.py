"""What is said of secrets: which there are, who can read them, and where one stands in the open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from windlass.errors import WindlassError
from windlass.report.prose import prose
from windlass.report.tables import table
from windlass.tasks.door import Outcome
from windlass.tasks.typed import typed

if TYPE_CHECKING:
    from windlass.flows.secrets.secret_file import People
    from windlass.flows.secrets.secret_listing import Listed
    from windlass.flows.secrets.secret_scan import Scanned


def listed(rows: Sequence[Listed]) -> str:
    """A row for each secret."""
    if not rows:
        return "the inventory declares no secrets"
    return table(("secret", "state", "changed", "from"), [(row.name, row.state, row.changed, row.source) for row in rows])


def people_told(found: People, removed: str) -> str:
    """A line for each person, and what to think of when one was taken out."""
    lines = [f"{name}{' (you)' if name in found.own else ''}: {recipient}" for name, recipient in sorted(found.named.items())]
    lines += [f"nobody named it: {recipient}" for recipient in found.unnamed]
    if removed:
        told = f"the file has a new key; what {removed} could read before {removed} may know still: change it where it comes from"
        lines.append(prose([told]))
    return "\n".join(lines) or f"nobody yet: {typed('secrets.people')} --add YOUR-NAME"


def looked_for(scanned: Scanned) -> Outcome:
    """Where secrets were found; that makes it fail. No value is told."""
    found = [f"{one.secret}: {one.path} ({one.commit})" for one in scanned.findings]
    if not found:
        return Outcome(result=_document(scanned), text=_clean(scanned))
    error = WindlassError(
        f"{len(found)} places hold a secret in the open" if len(found) > 1 else "a secret stands in the open",
        hint="change the secret where it comes from: what was once committed cannot be taken back",
        last_lines=found,
    )
    return Outcome(result=_document(scanned), error=error)


def _document(scanned: Scanned) -> dict[str, Any]:
    findings = [{"secret": one.secret, "commit": one.commit, "path": one.path} for one in scanned.findings]
    return {"findings": findings, "objects": scanned.objects, "too_short": list(scanned.skipped)}


def _clean(scanned: Scanned) -> str:
    short = f"; too short to look for: {', '.join(scanned.skipped)}" if scanned.skipped else ""
    return prose([f"no known secret in the files and {scanned.objects} objects of the history{short}"])
