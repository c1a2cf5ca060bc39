"""One part of a backup on its way to the host that stores: the database's host sends it, this side lets each piece of it in."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from windlass.errors import BackupError
from windlass.operations.stored import ExpectPart
from windlass.plans.parts import part_bytes

TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class HostDelivery:
    """`base` is the address of the receiver, `expect` lets a piece in there, `done` makes one file of all."""

    part: str
    base: str
    expect: Callable[[Mapping[str, Any]], None]
    done: Callable[[], Mapping[str, Any]]

    def take(self, _stream: int, chunk: bytes | memoryview) -> None:
        """Nothing of it passes here. Raises BackupError if it does."""
        if chunk:
            raise BackupError(f"{self.part} came here instead of going to {self.base}")

    def answer(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        """How big the pieces are, and an address for each, good once. Raises BackupError."""
        if question["want"] == "place":
            return {"part_bytes": part_bytes(int(question["expected_bytes"]))}
        token = secrets.token_hex(TOKEN_BYTES)
        self.expect({"token": token, **{key: question[key] for key in ("number", "bytes", "sha256")}})
        return {"url": f"{self.base}/{token}", "headers": {}}

    def finish(self, told: Mapping[str, Any]) -> None:
        """As many bytes as were sent, or it is none. Raises BackupError."""
        found = self.done()
        if (found["bytes"], found["parts"]) != (told["stored_bytes"], len(told["pieces"])):
            text = f"{self.part} has {found['bytes']} bytes where it is stored, and {told['stored_bytes']} were sent"
            raise BackupError(text, hint="run it again")


def expectation(root: str, name: str, part: Mapping[str, Any]) -> ExpectPart:
    """The operation that lets a piece in."""
    return ExpectPart(
        root=root, name=name, token=part["token"], number=int(part["number"]), bytes=int(part["bytes"]), sha256=str(part["sha256"])
    )
