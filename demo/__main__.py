"""`make demo`: tells the story, writes its figures to build/demo.json, and ends with a page of what to type next."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import httpx

from demo.commands import Unexpected
from demo.screen import Screen
from demo.story import tell
from windlass.errors import WindlassError
from windlass.values import human_seconds

PROJECT = Path(__file__).resolve().parent.parent
NEXT = [
    (". .venv/bin/activate", "once in each terminal, so that `invoke` is found"),
    ("invoke status --env lab", "what runs where, and what one can go back to"),
    ("invoke releases --env lab --app tickets", "every release, and why the failed one failed"),
    ("invoke deploy --env lab --app verdaccio", "a published npm server, deployed as it is"),
    ("invoke backup.status --env lab", "each database in each store, and how proven"),
    ("invoke tls.status --env lab", "what each https listener serves, until when"),
    ("invoke firewall.explain --env lab", "each open port, and why"),
    ("invoke lab.shell --env lab --host app1", "look around on a host"),
    ("invoke inventory.explain --env lab --host app1", "each setting, and where it comes from"),
    ("make clean", "take it all away"),
]


def main() -> int:
    parser = argparse.ArgumentParser(description="Show what Windlass does on real hosts.")
    parser.add_argument("--svg", type=Path, help="also keep a picture of the screen here")
    parser.add_argument("--connections", type=int, default=50, help="how many visitors ask while releases come and go")
    parser.add_argument("--ports", default="", metavar="1-9999", help="try these from outside; all 65,535 take half a minute")
    chosen = parser.parse_args()
    screen = Screen(picture=bool(chosen.svg))
    try:
        figures = tell(PROJECT, screen, connections=chosen.connections, ports=chosen.ports)
    except (Unexpected, WindlassError, httpx.HTTPError, subprocess.CalledProcessError) as error:
        screen.bad(f"the story ends here: {error}")
        if isinstance(error, subprocess.CalledProcessError):
            screen.quote((error.stderr or b"").decode(errors="replace").splitlines()[-10:])
        return 1
    figures |= {"schema": 1, "machine": {"cpus": os.cpu_count(), "kernel": platform.release(), "python": platform.python_version()}}
    build = PROJECT / "build"
    build.mkdir(exist_ok=True)
    (build / "demo.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    screen.summary(
        [
            ("requests sent, lost", f"{figures['requests']}, {figures['lost']}"),
            ("rollback, Enter key to last host switched", f"{figures['rollback_milliseconds']} ms"),
            ("the switch itself, the slowest host", f"{max(figures['switch_milliseconds'].values()):.1f} ms"),
            ("rows before the accident, after it", f"{figures['rows']['before']}, {figures['rows']['after']}"),
            ("https of the two balancers", " and ".join(figures["grades"].values())),
            ("all of it", f"{human_seconds(figures['total_seconds'])}; figures in build/demo.json"),
        ],
        NEXT,
    )
    if chosen.svg:
        screen.save(chosen.svg)
    return 1 if figures["lost"] else 0


if __name__ == "__main__":
    sys.exit(main())
