"""Figures for Prometheus, as a file that node_exporter's textfile collector reads."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Sample:
    """One figure. A `value` that is None is left out, for it is not known."""

    name: str
    value: float | None
    labels: Mapping[str, str]


def exposition(samples: Iterable[Sample], helps: Mapping[str, str]) -> str:
    """The text format, version 0.0.4; each name of `helps` with its samples together, as the format wants it."""
    known = [sample for sample in samples if sample.value is not None]
    lines: list[str] = []
    for name, text in helps.items():
        of_name = [_line(sample) for sample in known if sample.name == name]
        if of_name:
            lines += [f"# HELP {name} {text}", f"# TYPE {name} gauge", *of_name]
    return "".join(f"{line}\n" for line in lines)


def write_metrics(path: Path, text: str) -> None:
    """Put the file there whole: a collector never reads half of it. Raises OSError."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.chmod(0o644)
        draft.rename(path)
    finally:
        draft.unlink(missing_ok=True)


def _line(sample: Sample) -> str:
    labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in sample.labels.items())
    return f"{sample.name}{{{labels}}} {float(sample.value or 0):.17g}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
