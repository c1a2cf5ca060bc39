"""Which secrets an environment has, which lack a value, which nobody needs, and since when a value is what it is."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from windlass.inventory import Environment, local_secrets

State = Literal["set", "made up when needed", "missing", "unused"]


@dataclass(frozen=True, slots=True)
class Listed:
    """One secret; never its value.

    source   where the value comes from, empty for none
    changed  when its line in the encrypted file was last committed (a day), `not committed`, or empty where git does not know
    """

    name: str
    state: State
    source: str = ""
    changed: str = ""
    description: str = ""


def listing(environment: Environment) -> tuple[Listed, ...]:
    """All secrets that are declared or have a value. No key is needed. Raises InventoryError for a file that cannot be read."""
    secrets = local_secrets(environment)
    sources = secrets.sources()
    committed = secrets.committed
    changed = _changes(committed.file) if committed else {}
    rows = []
    for name in (*environment.secrets, *sorted(set(sources) - set(environment.secrets))):
        source = sources.get(name, "")
        when = changed.get(name, "") if committed and source == committed.shown_as else ""
        entry = environment.secrets.get(name)
        rows.append(Listed(name, _state(environment, name, source), source, when, entry.description if entry else ""))
    return tuple(rows)


def _state(environment: Environment, name: str, source: str) -> State:
    if name not in environment.secrets:
        return "unused"
    if source:
        return "set"
    return "made up when needed" if environment.secrets[name].generate else "missing"


def _changes(file: Path) -> Mapping[str, str]:
    """For each line `name: …` of a file the day of the commit that wrote it: a changed value is a changed line."""
    command = ["git", "-C", str(file.parent), "blame", "--line-porcelain", "--", file.name]
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return {}
    found: dict[str, str] = {}
    when = ""
    for line in told.stdout.splitlines():
        if re.match(r"0{40} ", line):
            when = "not committed"
        elif when != "not committed" and line.startswith("author-time "):
            when = datetime.fromtimestamp(int(line.split()[1]), UTC).date().isoformat()
        elif match := re.match(r"\t\"?([a-z][a-z0-9_]*)\"?:", line):
            found[match[1]] = when
        if line.startswith("\t"):
            when = ""
    return found
