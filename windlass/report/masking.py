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

    def text(self, text: str) -> str:
        for hidden in self._pieces():
            text = text.replace(hidden, HIDDEN)
        return text

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
        texts = {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
        masked: dict[str, Any] = {name: self.text(text) for name, text in texts.items() if isinstance(text, str)}
        masked |= {name: tuple(map(self.text, lines)) for name, lines in texts.items() if isinstance(lines, tuple)}
        return dataclasses.replace(event, **masked)

    def _pieces(self) -> Sequence[str]:
        return _ordered(tuple(self.known()))


@functools.lru_cache(maxsize=16)
def _ordered(secrets: tuple[Secret, ...]) -> Sequence[str]:
    """All shapes of all secrets, longest first, so that no secret is cut in half by a shorter one."""
    pieces = {piece for secret in secrets for piece in secret.shapes()}
    return sorted(pieces, key=lambda piece: (-len(piece), piece))
