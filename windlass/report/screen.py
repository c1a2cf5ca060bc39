"""Which view of a run fits what it is shown on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import TracebackType
from typing import Protocol, TextIO

from windlass import events
from windlass.report.masking import Mask
from windlass.report.plain import PlainReport
from windlass.report.progress import Progress


class View(Protocol):
    """A listener that shows what it hears, between entering and leaving."""

    def __enter__(self) -> View: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...

    def __call__(self, event: events.Event) -> None: ...


def can_redraw(stream: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the stream is a terminal with a cursor to move."""
    return stream.isatty() and environ.get("TERM", "dumb") not in ("", "dumb")


def wants_colour(stream: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether colours are fit for the stream; `NO_COLOR` says no, see no-color.org."""
    return can_redraw(stream, environ) and not environ.get("NO_COLOR")


def open_view(stream: TextIO, progress: Progress, *, title: str, check: bool, verbose: bool = False) -> View:
    """The live view on a terminal, plain lines elsewhere. Rich loads only for the former."""
    if can_redraw(stream):
        from windlass.report.console import LiveReport  # noqa: PLC0415 - loading it takes longer than a short task

        return LiveReport(stream, progress, title=title, check=check, verbose=verbose)
    return PlainReport(stream, progress, check=check, verbose=verbose)


def masked(view: events.Listener, mask: Mask) -> events.Listener:
    """The listener that a flow gets: no event reaches the view with a secret in it."""

    def tell(event: events.Event) -> None:
        view(mask.event(event))

    return tell
