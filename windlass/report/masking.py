"""Nothing leaves through here with a known secret in it."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from windlass import events
from windlass.values import HIDDEN, Secret


def _nothing() -> Iterable[Secret]:
    return ()


class Mask:
    """Replaces every secret that `known` gives by `•••`. It is asked each time: secrets may be made during a run."""

    def __init__(self, known: Callable[[], Iterable[Secret]] = _nothing) -> None:
        self.known = known
        self._last: tuple[object, Sequence[str]] = (None, ())  # secrets, if others would be another object, and their pieces

    def text(self, text: str) -> str:
        return _without(text, self._pieces())

    def value(self, value: Any) -> Any:
        """The same for whatever JSON can hold; secrets and tuples in it become text and lists."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.value(item) for key, item in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self.value(item) for item in value]
        if value is None or isinstance(value, (bool, int, float)):
            return value
        return self.text(str(value))

    def event(self, event: events.Event) -> events.Event:
        """The same event, fit to be shown."""
        pieces = self._pieces()
        if not pieces:
            return event
        masked: dict[str, Any] = {}
        for name in _names(type(event)):  # type: ignore[arg-type]  # mypy looks for the hash of an instance
            value = getattr(event, name)
            shown: Any = value
            if isinstance(value, str):
                shown = _without(value, pieces)
            elif isinstance(value, tuple):
                shown = tuple(_without(line, pieces) for line in value)
            if shown != value:
                masked[name] = shown
        return dataclasses.replace(event, **masked) if masked else event

    def _pieces(self) -> Sequence[str]:
        """Most of the time the very same secrets are known as the last time."""
        known = self.known()
        last, pieces = self._last
        if known is not last:
            pieces = _ordered(tuple(known))
            self._last = (known if isinstance(known, tuple) else None, pieces)
        return pieces


def _without(text: str, pieces: Sequence[str]) -> str:
    for hidden in pieces:
        text = text.replace(hidden, HIDDEN)
    return text


@functools.cache
def _names(kind: type[events.Event]) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


@functools.lru_cache(maxsize=16)
def _ordered(secrets: tuple[Secret, ...]) -> Sequence[str]:
    """All shapes of all secrets, longest first, so that no secret is cut in half by a shorter one."""
    pieces = {piece for secret in secrets for piece in secret.shapes()}
    return sorted(pieces, key=lambda piece: (-len(piece), piece))
