"""From the small files beside a backup to what is known of it, wherever they lie."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from windlass.errors import BackupError
from windlass.stores.manifest import MANIFEST, PIN, Manifest, Proof, read_manifest, read_pin, read_proof
from windlass.stores.proofs import PROOF, doubt_of
from windlass.stores.published import Stored
from windlass.stores.signature import SIGNATURE, SIGNER, Judgement, Signatures

MANIFEST_BYTES: Final = 64 << 20  # no manifest is bigger, and nobody makes us read more

_SMALL = re.compile(rf"{re.escape(MANIFEST)}|{re.escape(SIGNATURE)}|{re.escape(SIGNER)}|{re.escape(PIN)}|{PROOF}.+\.json")


def is_small(name: str) -> bool:
    """Whether a file is one of those that say what a backup is, not one of its parts."""
    return _SMALL.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class Reader:
    """What is known without the store: whose signatures are believed, and of which environment backups are; any, if empty."""

    signatures: Signatures | None = None
    environment: str = ""

    def stored(self, backup_id: str, files: Mapping[str, bytes], sizes: Mapping[str, int]) -> Stored:
        """The backup that these small files are of; `sizes` are the bytes of everything that lies there.

        Raises BackupError if they are not of one, or of another.
        """
        if MANIFEST not in files:
            raise BackupError(f"it has no {MANIFEST}")
        manifest = read_manifest(files[MANIFEST])
        if manifest.id != backup_id:
            raise BackupError(f"its manifest is that of {manifest.id}")
        judged = self._judged(files, manifest)
        proofs = {name: read_proof(content) for name, content in files.items() if name.startswith(PROOF)}
        doubts = self._doubts(proofs, files, manifest, judged)
        return Stored(
            manifest,
            tuple(sorted((proof for name, proof in proofs.items() if name not in doubts), key=lambda proof: proof.at)),
            judged.signed,
            judged.doubt,
            read_pin(files[PIN]) if PIN in files else None,
            tuple(name for name, part in manifest.parts.items() if sizes.get(name) != part.stored_bytes),
            manifest.environment if self.environment not in ("", manifest.environment) else "",
            doubts,
        )

    def _doubts(
        self, proofs: Mapping[str, Proof], files: Mapping[str, bytes], manifest: Manifest, judged: Judgement
    ) -> dict[str, str]:
        """The proofs that do not count, with why. One of a failure counts without a signature: it can only make us more careful.

        Where the manifest is not signed there was no key when all this was written.
        """
        found = {name: f"it is a proof of {proof.backup}" for name, proof in proofs.items() if proof.backup != manifest.id}
        if self.signatures is None or not judged.signed:
            return found
        passed = [name for name, proof in proofs.items() if proof.passed and name not in found]
        doubts = {name: doubt_of(files[name], self.signatures) for name in passed}
        return found | {name: doubt for name, doubt in doubts.items() if doubt}

    def _judged(self, files: Mapping[str, bytes], manifest: Manifest) -> Judgement:
        if self.signatures is None:
            return Judgement(signed=False)
        return self.signatures.judge(files, files[MANIFEST], max(manifest.started, manifest.taken, manifest.ended))
