"""The load as a context: it runs beside whatever happens inside, and its figures are there afterwards."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from demo.site import Site


class Load:
    """`with Load(site) as load: …` (a site or its address), then `load.figures`: requests, lost, losses, releases, milliseconds."""

    def __init__(self, site: Site | str, *, connections: int = 50, pause: float = 0.2) -> None:
        self._site = Site((site,)) if isinstance(site, str) else site
        self._arguments = [*self._site.arguments, "--connections", str(connections), "--pause", str(pause)]
        self.figures: dict[str, Any] = {}

    def __enter__(self) -> Load:
        self._folder = tempfile.TemporaryDirectory(prefix="windlass-load-")
        self._out = Path(self._folder.name) / "load.json"
        self._site.ask()  # fails loudly before the load hides it
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
