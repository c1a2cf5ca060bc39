"""`make clean`, the part that needs root: takes away this checkout's labs, and the images and snapshots if no other lab is left."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from windlass import lab
from windlass.flows.twin import labs_folder
from windlass.lab.folders import cache

PROJECT = Path(__file__).resolve().parent.parent


def main() -> None:
    root = labs_folder(PROJECT)
    # A lab whose folder here was deleted by hand is still found by its name.
    for name in sorted({*lab.list_labs(root), *(path.name for path in (PROJECT / "inventories").iterdir())}):
        lab.down(name, root=root, say=print)
    others = list((cache() / "labs").glob("*"))
    if others:
        print(f"{cache()} stays: {len(others)} labs of other folders are up", file=sys.stderr)
    else:
        shutil.rmtree(cache(), ignore_errors=True)


if __name__ == "__main__":
    main()
