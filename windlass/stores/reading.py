"""From the small files beside a backup to what is known of it, wherever they lie."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from windlass.errors import BackupError
from windlass.stores.manifest import MANIFEST, PIN, Stored, read_manifest, read_pin, read_proof
from windlass.stores.signature import SIGNATURE, SIGNER, Signatures

PROOF: Final = "proof-"
MANIFEST_BYTES: Final = 64 << 20  # no manifest is bigger, and nobody makes us read more

_SMALL = re.compile(rf"{re.escape(MANIFEST)}|{re.escape(SIGNATURE)}|{re.escape(SIGNER)}|{re.escape(PIN)}|{PROOF}.+\.json")


def is_small(name: str) -> bool:
    """Whether a file is one of those that say what a backup is, not one of its parts."""
    return _SMALL.fullmatch(name) is not None


def stored_of(backup_id: str, files: Mapping[str, bytes], signatures: Signatures | None) -> Stored:
    """The backup that these small files are of. Raises BackupError if they are not of one, or of another."""
    if MANIFEST not in files:
        raise BackupError(f"it has no {MANIFEST}")
    manifest = read_manifest(files[MANIFEST])
    if manifest.id != backup_id:
        raise BackupError(f"its manifest is that of {manifest.id}")
    proofs = (read_proof(content) for name, content in files.items() if name.startswith(PROOF))
    ordered = tuple(sorted(proofs, key=lambda proof: proof.at))
    pin = read_pin(files[PIN]) if PIN in files else None
    if signatures is None:
        return Stored(manifest, ordered, pin=pin)
    judgement = signatures.judge(files, files[MANIFEST], manifest.started)
    return Stored(manifest, ordered, judgement.signed, judgement.doubt, pin)
