"""The encrypted file `inventories/<environment>/secrets.sops.yml`: secrets that travel with the repository."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from windlass.errors import InventoryError
from windlass.inventory.environment import Environment
from windlass.inventory.reading import ENCRYPTED, called
from windlass.inventory.texts import text_of

if TYPE_CHECKING:  # PyYAML's composer, AES and age load only for an environment that has such a file
    from windlass.inventory.sops.document import Document
    from windlass.inventory.sops.keys import KeyRing
    from windlass.inventory.sops.tree import Tree


class CommittedSecrets:
    """The encrypted file of an environment. It is read and opened once, when it is needed first."""

    def __init__(self, environment: str, file: Path, project: Path, surroundings: Mapping[str, str]) -> None:
        self.environment = environment
        self.file = file
        self.project = project
        self.shown_as = called(file, project)
        self._surroundings = surroundings
        self._tree: Tree | None = None
        self._document: Document | None = None

    def ring(self) -> KeyRing:
        """The private keys of whoever runs this. Raises InventoryError as `key_ring` does."""
        from windlass.inventory.sops.keys import key_ring  # noqa: PLC0415 - see above

        return key_ring(self.project, self._surroundings)

    def tree(self) -> Tree:
        """What the file shows without a key: names and recipients. Raises InventoryError when it is not in SOPS's format."""
        from windlass.inventory.sops.tree import parse  # noqa: PLC0415 - see above

        if self._tree is None:
            try:
                self._tree = parse(text_of(self.file, self.shown_as))
            except ValueError as error:
                raise self._wrong(error) from None
        return self._tree

    def names(self) -> tuple[str, ...]:
        """The names of the secrets that have a value here."""
        from windlass.inventory.sops.document import names_in  # noqa: PLC0415 - see above

        return names_in(self.tree())

    def values(self) -> Mapping[str, str]:
        """All values. Raises InventoryError: no key, not one of the recipients, or the file was tampered with."""
        return self.document().values

    def document(self) -> Document:
        """The opened file. Raises InventoryError as `values` does."""
        from windlass.inventory.sops.document import opened  # noqa: PLC0415 - see above

        if self._document is None:
            self.tree()
            ring = self.ring()
            try:
                self._document = opened(text_of(self.file, self.shown_as), ring)
            except ValueError as error:
                raise self._wrong(error) from None
        return self._document

    def change(self, change: Callable[[Document, datetime], Document]) -> Document:
        """Write the file anew as `change` makes it of the opened one. Raises InventoryError; the file is then as it was."""
        before = self.document()
        try:
            made = change(before, datetime.now(UTC))
        except ValueError as error:
            raise self._wrong(error) from None
        with _locked(self.file.parent):
            if text_of(self.file, self.shown_as) != before.text:
                raise InventoryError(f"{self.shown_as} was changed by somebody else meanwhile", hint="run the same command again")
            self.write(made)
        return made

    def write(self, made: Document) -> None:
        """Put the file into its place, whole or not at all. Raises InventoryError; it is then as it was."""
        partial = self.file.with_name(f".{self.file.name}.{os.getpid()}-{os.urandom(4).hex()}")
        try:
            with partial.open("x", encoding="utf-8") as stream:
                stream.write(made.text)
                stream.flush()
                os.fsync(stream.fileno())
            partial.rename(self.file)
        except OSError as error:
            raise InventoryError(
                f"{self.shown_as} cannot be written and is as it was: {error.strerror}",
                hint="may you write in its folder, and is there room?",
            ) from None
        finally:
            partial.unlink(missing_ok=True)
        self._document, self._tree = made, made.tree

    def _wrong(self, error: ValueError) -> InventoryError:
        from windlass.inventory.sops.document import people_in, wrapped_in  # noqa: PLC0415 - see above
        from windlass.inventory.sops.keys import NoKey  # noqa: PLC0415 - see above

        if not isinstance(error, NoKey) or self._tree is None:
            return InventoryError(f"{self.shown_as} {error}", hint=f"compare it with what is committed: git diff {self.shown_as}")
        names = {recipient: name for name, recipient in people_in(self._tree).items()}
        return InventoryError(
            f"{self.shown_as} {error}",
            hint=f"one of these adds you: invoke secrets.people --env {self.environment} --add NAME --recipient age1…",
            last_lines=[f"can be read by {names.get(recipient, 'somebody')}: {recipient}" for recipient in wrapped_in(self._tree)],
        )


def committed_file(environment: Environment, surroundings: Mapping[str, str] | None = None) -> CommittedSecrets:
    """The environment's encrypted file, whether or not it exists."""
    given = os.environ if surroundings is None else surroundings
    return CommittedSecrets(environment.name, environment.folder / ENCRYPTED, environment.project, given)


def committed_secrets(environment: Environment, surroundings: Mapping[str, str]) -> CommittedSecrets | None:
    """The environment's encrypted file; None where it has none."""
    found = committed_file(environment, surroundings)
    return found if found.file.exists() else None


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One writer at a time; the lock leaves nothing behind."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
