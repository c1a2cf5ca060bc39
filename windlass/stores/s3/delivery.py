"""One part of a backup on its way into a bucket: the host sends it, this side signs an address for each piece of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from windlass.errors import BackupError
from windlass.plans.parts import MOST_PARTS, part_bytes
from windlass.stores.s3.bucket import Bucket


@dataclass(slots=True)
class S3Delivery:
    """Begun when the host says how much to expect. What is not finished has to be given up."""

    bucket: Bucket
    key: str
    storage_class: str = ""
    part_mib: int | None = None
    upload: str = ""
    finished: bool = False

    def take(self, _stream: int, chunk: bytes | memoryview) -> None:
        """Nothing of it passes here. Raises BackupError if it does."""
        if chunk:
            raise BackupError(f"{self.key} came here instead of going to {self.bucket.place}")

    def answer(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        """How big the pieces are, and an address for each. Raises BackupError."""
        if question["want"] == "place":
            self.upload = self.bucket.begin(self.key, self.storage_class)
            return {"part_bytes": part_bytes(int(question["expected_bytes"]), self.part_mib)}
        number, md5 = int(question["number"]), str(question["md5"])
        if number > MOST_PARTS:
            hint = "nothing was published; give the store a bigger `part_mib`"
            raise BackupError(f"{self.key} has more than {MOST_PARTS} parts, and no store takes them", hint=hint)
        return {"url": self.bucket.address_of_part(self.key, self.upload, number, md5), "headers": {"Content-MD5": md5}}

    def finish(self, told: Mapping[str, Any]) -> None:
        """Make one object of the pieces, as many bytes as were sent. Raises BackupError."""
        pieces, expected = told["pieces"], int(told["stored_bytes"])
        if sum(piece["bytes"] for piece in pieces) != expected or not all(piece["etag"] for piece in pieces):
            raise BackupError(f"{self.key} did not arrive in {self.bucket.place} as it was sent", hint="run it again")
        try:
            self.bucket.complete(self.key, self.upload, (piece["etag"] for piece in pieces))
        except BackupError:
            if self.bucket.size(self.key) != expected:  # else only the answer was lost
                raise
        found = self.bucket.size(self.key)
        if found != expected:
            raise BackupError(f"{self.key} has {found} bytes in {self.bucket.place}, and {expected} were sent", hint="run it again")
        self.finished = True

    def give_up(self) -> None:
        """Nothing of it stays. Raises BackupError."""
        if self.upload and not self.finished:
            self.bucket.abort(self.key, self.upload)
