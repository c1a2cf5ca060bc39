"""What the measurements share: a spread, and the file that they are kept in."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median and extremes."""
    return {"median": round(statistics.median(values), 3), "least": round(min(values), 3), "most": round(max(values), 3)}


def merge(path: Path, found: Mapping[str, Any]) -> None:
    """Put these figures into the file; those of other measurements stay."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps({**known, **found}, indent=1) + "\n", encoding="utf-8")


def rewrite(page: Path, name: str, text: str) -> None:
    """Put a text between the two marks of that name on a page."""
    begin, end = f"<!-- {name}: written by the benchmark -->", f"<!-- {name}: end -->"
    head, _mark, rest = page.read_text(encoding="utf-8").partition(begin)
    page.write_text(f"{head}{begin}\n{text}\n{end}{rest.partition(end)[2]}", encoding="utf-8")
