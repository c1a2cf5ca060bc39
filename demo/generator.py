"""The load as a context: it runs beside whatever happens inside, and its figures are there afterwards."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any


class Load:
    """`with Load(url) as load: …`, then `load.figures`: requests, lost, losses, releases, milliseconds."""

    def __init__(self, url: str, *, connections: int = 50, pause: float = 0.2) -> None:
        self._url = url
        self._arguments = ["--url", url, "--connections", str(connections), "--pause", str(pause)]
        self.figures: dict[str, Any] = {}

    def __enter__(self) -> Load:
        self._folder = tempfile.TemporaryDirectory(prefix="windlass-load-")
        self._out = Path(self._folder.name) / "load.json"
        with urllib.request.urlopen(self._url, timeout=10) as answer:  # noqa: S310 - a lab host; fails loudly before the load hides it
            answer.read()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "demo.load", *self._arguments, "--out", str(self._out)], cwd=Path(__file__).parent.parent
        )
        time.sleep(1.5)  # until every connection is open and under way
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        time.sleep(1.0)  # so that the last thing done inside is still felt by requests
        self._process.terminate()
        self._process.wait(60)
        if self._out.exists():
            self.figures = json.loads(self._out.read_text(encoding="utf-8"))
        self._folder.cleanup()
