"""Three versions of the sample application, as commits of this very repository: one that works, a better one, a broken one.

They are made beside the branches, from HEAD, and marked by tags (tickets-v1, -v2, -v3); no file of the checkout is touched.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

SAMPLE = "samples/tickets"
TAGS = ("tickets-v1", "tickets-v2", "tickets-v3")


def make_versions(project: Path) -> None:
    """Make the commits and tags; those of an earlier run are replaced. Raises CalledProcessError outside of a git checkout."""
    for tag, files in zip(TAGS, (_first(project), _second(project), _broken(project)), strict=True):
        commit = _commit(project, files, f"{tag}, for the demonstration")
        _git(project, "tag", "--force", tag, commit)


def _first(project: Path) -> dict[str, str]:
    return {"package.json": _with_version(project, "1.0.0")}


def _second(project: Path) -> dict[str, str]:
    return {"package.json": _with_version(project, "2.0.0")}


def _broken(project: Path) -> dict[str, str]:
    return {"package.json": _with_version(project, "3.0.0"), "fault.json": json.dumps({"FAULT": "throw"}) + "\n"}


def _with_version(project: Path, version: str) -> str:
    described = json.loads(_git(project, "show", f"HEAD:{SAMPLE}/package.json"))
    described["version"] = version
    return json.dumps(described, indent=2) + "\n"


def _commit(project: Path, files: Mapping[str, str], message: str) -> str:
    """A commit on top of HEAD with these files of the sample changed, made in an index of its own."""
    with tempfile.TemporaryDirectory() as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        _git(project, "read-tree", "HEAD", more=index)
        for name, text in files.items():
            blob = _git(project, "hash-object", "-w", "--stdin", given=text)
            _git(project, "update-index", "--add", "--cacheinfo", f"100644,{blob},{SAMPLE}/{name}", more=index)
        tree = _git(project, "write-tree", more=index)
    author = {
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "demo"), ("EMAIL", "demo@localhost"))
    }
    return _git(project, "commit-tree", tree, "-p", "HEAD", "-m", message, more=author)


def _git(project: Path, *arguments: str, given: str | None = None, more: Mapping[str, str] | None = None) -> str:
    completed = subprocess.run(
        ["git", "-C", str(project), *arguments],
        input=given,
        env={**os.environ, **(more or {})},
        check=True,
        capture_output=True,
        text=True,
    )
    return completed.stdout.strip()
