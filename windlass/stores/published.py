"""Backups as they lie in a store: each with what became of trying it, and all of one name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from windlass.plans.retention import Candidate
from windlass.stores.manifest import Manifest, Pin, Proof


@dataclass(frozen=True, slots=True)
class Stored:
    """A published backup: its manifest, and its proofs, oldest first.

    signed   the manifest has the signature of a key that is believed
    pin      somebody wants it to stay
    lacking  parts that are missing, or have not as many bytes as the manifest says; such a backup is never good, and stays
    foreign  another environment that made it, whose backups go to the same place; such a one is never good here, and stays
    doubted  proofs that do not count, by their files, with why
    doubt    why the manifest cannot be believed; such a backup is never good, and never deleted by us. Empty if nothing is wrong
    """

    manifest: Manifest
    proofs: tuple[Proof, ...] = ()
    signed: bool = False
    doubt: str = ""
    pin: Pin | None = None
    lacking: tuple[str, ...] = ()
    foreign: str = ""
    doubted: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return self.manifest.id

    @property
    def verified(self) -> bool:
        """Whether it is a good one: whole, of this environment, and not suspiciously small."""
        return self.whole and not self.foreign and not self.manifest.suspicious

    @property
    def whole(self) -> bool:
        """Whether the stored bytes were good when they were last decoded, and are those of the manifest that was written."""
        if self.doubt or self.lacking:
            return False
        latest = self._latest("verify")
        return latest.passed if latest else self.manifest.verified_at is not None

    @property
    def lacks(self) -> str:
        """What is not there of it, in words; empty where all is."""
        return f"{', '.join(self.lacking)} is missing or cut off" if self.lacking else ""

    @property
    def drill(self) -> Proof | None:
        """The last drill of this backup."""
        return self._latest("drill")

    @property
    def proven(self) -> bool:
        """Whether it was once restored and found complete, and its bytes are still good."""
        return self.verified and any(proof.passed for proof in self.proofs if proof.kind == "drill")

    def candidate(self) -> Candidate:
        """The same as retention sees it."""
        foreign = f"of the environment {self.foreign}" if self.foreign else ""
        held = self.doubt or self.lacks or foreign or (self.pin.words if self.pin else "")
        manifest = self.manifest
        return Candidate(self.id, manifest.taken, self.verified, self.proven, held, "; ".join(manifest.suspicious))

    def _latest(self, kind: str) -> Proof | None:
        return next((proof for proof in reversed(self.proofs) if proof.kind == kind), None)


@dataclass(frozen=True, slots=True)
class Listing:
    """The backups of one name, oldest first; `unreadable` says for what else lies there why it is not one."""

    backups: tuple[Stored, ...]
    unreadable: Mapping[str, str]

    def newest(self) -> Stored | None:
        """The newest whose bytes are good."""
        return next((each for each in reversed(self.backups) if each.verified), None)
