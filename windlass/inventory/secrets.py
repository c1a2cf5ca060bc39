"""Where the values of secrets come from. The inventory only says that a secret exists; in the repository its value is encrypted."""

from __future__ import annotations

import fcntl
import os
import stat
import string
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import yaml

from windlass.errors import InventoryError, UsageError
from windlass.inventory.committed_secrets import CommittedSecrets, committed_secrets
from windlass.inventory.environment import Environment
from windlass.inventory.faults import did_you_mean
from windlass.inventory.reading import called
from windlass.inventory.schema import SecretEntry
from windlass.inventory.texts import text_of
from windlass.values import Secret

_ALPHABET = string.ascii_letters + string.digits
PREFIX = "WINDLASS_SECRET_"


class SecretSource(Protocol):
    """Gives the values of secrets."""

    def get(self, name: str) -> Secret:
        """The value. Raises UsageError for a name that is not declared, InventoryError when there is no value."""
        ...


def declared(known: Iterable[str], name: str) -> None:
    """Raises UsageError for a name that is none of the known ones."""
    if name not in known:
        raise UsageError(
            f"no secret is called {name!r}{did_you_mean(name, known)}", hint="declare it under `secrets:` of the inventory first"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSecrets:
    """Secrets from the controller's environment variables, else from the committed encrypted file, else from a file that only
    its owner may read.

    A declared secret with `generate` that has no value yet is made up, once, and written into the file.

    declared      the secrets of the environment
    file          `.windlass/secrets/<environment>.yml` of the project: names and values
    shown_as      the file as a person in the project's folder writes it
    surroundings  the controller's environment variables; WINDLASS_SECRET_<NAME> comes before the files
    committed     `secrets.sops.yml` of the environment; opened only when a secret that stands in it is wanted
    """

    declared: Mapping[str, SecretEntry]
    file: Path
    shown_as: str
    surroundings: Mapping[str, str] = field(default_factory=lambda: os.environ)
    committed: CommittedSecrets | None = None

    def get(self, name: str) -> Secret:
        declared(self.declared, name)
        return self.all_of([name])[name]

    def all_of(self, names: Iterable[str] | None = None) -> dict[str, Secret]:
        """The values of several declared secrets (all of them, when no names are given).

        Raises InventoryError that names every one that has no value and says how to give it, or why a file cannot be read.
        """
        wanted = tuple(self.declared if names is None else names)
        values = self._given(wanted)
        if any(name not in values and self.declared[name].generate for name in wanted):
            values = {**self._generated([name for name in wanted if name not in values]), **values}
        missing = [name for name in wanted if not values.get(name)]
        if missing:
            raise self._missing(missing)
        return {name: Secret(values[name]) for name in wanted}

    def available(self) -> dict[str, Secret]:
        """The declared ones that have a value; none is made up. Raises InventoryError when a file that matters cannot be read."""
        values = self._given(self.declared)
        return {name: Secret(values[name]) for name in self.declared if values.get(name)}

    def sources(self) -> dict[str, str]:
        """For each secret that has a value, declared or not, where it comes from. No key is needed for this."""
        found = dict.fromkeys((name for name, value in self._stored().items() if value), self.shown_as)
        if self.committed is not None:
            found |= dict.fromkeys(self.committed.names(), self.committed.shown_as)
        return found | {name: f"{PREFIX}{name.upper()}" for name in self._surrounding()}

    def existing(self) -> dict[str, Secret]:
        """Every value that exists, declared or not; none is made up. Raises InventoryError when a file cannot be read."""
        committed = self.committed.values() if self.committed else {}
        values = {**self._stored(), **committed, **self._surrounding()}
        return {name: Secret(value) for name, value in values.items() if value}

    def _given(self, wanted: Iterable[str]) -> dict[str, str]:
        surrounding = self._surrounding()
        return {**self._stored(), **self._committed(set(wanted) - set(surrounding)), **surrounding}

    def _surrounding(self) -> dict[str, str]:
        found = {name: self.surroundings.get(f"{PREFIX}{name.upper()}", "") for name in self.declared}
        return {name: value for name, value in found.items() if value}

    def _committed(self, wanted: set[str]) -> Mapping[str, str]:
        if self.committed is None or wanted.isdisjoint(self.committed.names()):
            return {}
        return {name: value for name, value in self.committed.values().items() if value}

    def _stored(self) -> dict[str, str]:
        if not self.file.exists():
            return {}
        mode = stat.S_IMODE(self.file.stat().st_mode)
        if mode & 0o077:
            raise InventoryError(
                f"{self.shown_as} holds secrets and others may read or write it (mode {mode:04o})",
                hint=f"chmod 600 {self.shown_as}",
            )
        return self._parsed(text_of(self.file, self.shown_as))

    def _parsed(self, text: str) -> dict[str, str]:
        try:
            values = yaml.load(text, Loader=yaml.BaseLoader) or {}  # noqa: S506 - the base loader makes text of everything
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = f":{mark.line + 1}" if mark else ""
            raise InventoryError(f"{self.shown_as}{line} is not YAML", hint='write one `name: "value"` per line') from None
        except RecursionError:
            values = None
        if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
            raise InventoryError(f"{self.shown_as} should hold names and values only", hint='write one `name: "value"` per line')
        return values

    def _generated(self, names: Iterable[str]) -> dict[str, str]:
        try:
            return self._kept(names)
        except OSError as error:
            raise InventoryError(
                f"{self.shown_as}, where secrets are made up, cannot be written: {error.strerror}",
                hint="make room or mend its rights, or give the values: " + ", ".join(f"{PREFIX}{name.upper()}" for name in names),
            ) from None

    def _kept(self, names: Iterable[str]) -> dict[str, str]:
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(self.file.parent / ".lock"):
            stored = self._stored()  # somebody else may have made them up while we waited
            made = {name: _made_up(length) for name in names if name not in stored and (length := self.declared[name].generate)}
            if made:
                self._write(made)
            return {**stored, **made}

    def _write(self, made: Mapping[str, str]) -> None:
        """Add lines to the file without touching what a person wrote there."""
        before = text_of(self.file, self.shown_as) if self.file.exists() else ""
        head = before if before.endswith("\n") or not before else f"{before}\n"
        text = head + "".join(f'{name}: "{value}"\n' for name, value in made.items())
        if self._parsed(text) != {**self._parsed(before), **made}:
            raise InventoryError(
                f"{self.shown_as} has a form that nothing can be added to", hint='write one `name: "value"` per line'
            )
        partial = self.file.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        partial.rename(self.file)

    def _missing(self, names: list[str]) -> InventoryError:
        many = len(names) > 1
        lines = [f"{name}: {self.declared[name].description or 'no description'}" for name in names]
        return InventoryError(
            f"{len(names)} secrets have no value: {', '.join(names)}" if many else f"the secret {names[0]} has no value",
            hint=self._how_to_give(names[0]) + (", and so for the others" if many else ""),
            last_lines=lines,
        )

    def _how_to_give(self, name: str) -> str:
        shared = f"invoke secrets.set --env {self.committed.environment} --name {name}, or " if self.committed else ""
        return f'{shared}write `{name}: "value"` into {self.shown_as} (mode 0600), or set {PREFIX}{name.upper()}'


def local_secrets(environment: Environment, surroundings: Mapping[str, str] | None = None) -> LocalSecrets:
    """The secrets of an environment: from WINDLASS_SECRET_<NAME>, else from its `secrets.sops.yml`, else from
    `.windlass/secrets/<environment>.yml`."""
    given = os.environ if surroundings is None else surroundings
    file = environment.project / ".windlass" / "secrets" / f"{environment.name}.yml"
    return LocalSecrets(
        declared=environment.secrets,
        file=file,
        shown_as=called(file, environment.project),
        surroundings=given,
        committed=committed_secrets(environment, given),
    )


def _made_up(length: int) -> str:
    import secrets as randomness  # noqa: PLC0415 - slow to import, and secrets are made up once

    return "".join(randomness.choice(_ALPHABET) for _ in range(length))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
