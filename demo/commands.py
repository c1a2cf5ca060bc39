"""Running Windlass as a person does, one command after the other, and reading what it says as JSON."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ENVIRONMENT = "lab"


class Unexpected(Exception):  # noqa: N818 - reads as what happened
    """A command ended otherwise than the story needs; its own words are in the message."""


@dataclass(slots=True)
class Windlass:
    """The commands of a project's checkout. `seconds` collects how long each step took, `said` all that was printed."""

    project: Path
    seconds: dict[str, float] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def run(self, step: str, *words: str, expect: int = 0, given: str = "") -> dict[str, Any]:
        """`invoke <words> --env lab --json`, with this on standard input; its document.

        Raises Unexpected if it ends with another exit code.
        """
        command = [str(Path(sys.executable).parent / "invoke"), *words, "--env", ENVIRONMENT, "--json"]
        started = time.monotonic()
        completed = subprocess.run(command, cwd=self.project, input=given, capture_output=True, text=True, check=False)
        self.seconds[step] = round(time.monotonic() - started, 2)
        self.said += [completed.stdout, completed.stderr]
        try:
            document: dict[str, Any] = json.loads(completed.stdout)
        except ValueError:
            raise Unexpected(f"{' '.join(command)}\n{completed.stdout}\n{completed.stderr}") from None
        if completed.returncode != expect:
            raise Unexpected(
                f"{' '.join(command)} ended with {completed.returncode}\n{json.dumps(document.get('error'), indent=1)}"
            )
        return document
