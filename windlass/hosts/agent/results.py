"""What operations came to, as a host tells it: bytes that anybody may have made, so everything is looked at before it counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from windlass import events
from windlass.agent.core import frames
from windlass.errors import HeldByAnother, OperationFailed
from windlass.operations.operation import Operation
from windlass.operations.wire import Batch
from windlass.terminal import harmless

STATUSES: Final = ("ok", "changed", "unknown", "skipped", "failed")
TEXTS: Final = ("summary", "diff", "message", "hint")
MOST_LINES: Final = 100  # lines of a program's output that are shown of one frame
WIDEST_LINE: Final = 1000


@dataclass(frozen=True, slots=True)
class Result:
    """What one operation came to. `data` is what it found out."""

    operation: Operation
    status: str
    summary: str = ""
    diff: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    message: str = ""
    hint: str = ""
    last_lines: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        return self.status in ("changed", "unknown")

    @property
    def failed(self) -> bool:
        return self.status == "failed"


def result_of(batch: Batch, body: dict[str, Any], expected: int) -> Result:
    """The result of the operation that was to come next. Raises BrokenFrame for any other."""
    if body["index"] != expected or body["status"] not in STATUSES:
        raise frames.BrokenFrame(f"{body['status']!r} of operation {body['index']}, not {expected}")
    return Result(
        operation=asked(batch, expected),
        status=body["status"],
        data=body.get("data", {}),
        seconds=body.get("seconds", 0.0),
        last_lines=tuple(harmless(str(line)) for line in body.get("last_lines", ())),
        **{name: harmless(body[name]) for name in TEXTS if name in body},
    )


def output(host: str, told: Mapping[str, Any]) -> events.OperationOutput:
    """What a program writes, within bounds that do not depend on the host's word."""
    lines = tuple(harmless(str(line)[:WIDEST_LINE]).replace("\n", " ") for line in list(told["lines"])[-MOST_LINES:])
    return events.OperationOutput(host, lines, int(told["missed"]))


def complete(batch: Batch, results: list[Result]) -> list[Result]:
    """The results, if there is one for each operation. Raises BrokenFrame."""
    if len(results) != len(batch.asked):
        raise frames.BrokenFrame(f"done after {len(results)} of {len(batch.asked)} operations")
    return results


def asked(batch: Batch, index: int) -> Operation:
    """The operation that the host speaks of."""
    if not 0 <= index < len(batch.operations):
        raise frames.BrokenFrame(f"operation {index} of {len(batch.operations)}")
    return batch.operations[index]


def title(operation: Operation) -> str:
    """What to call an operation, on one line: a path in it may be any bytes."""
    text = operation.title()
    return text if text.isprintable() else harmless(text).replace("\n", "\\n")


def raise_first_failure(host: str, results: list[Result]) -> None:
    """Raise OperationFailed for the first operation that failed, if any did."""
    for result in results:
        if result.failed:
            kind = HeldByAnother if result.data.get("locked") is True else OperationFailed
            failed = "" if kind is HeldByAnother else f"{title(result.operation)} failed on "
            raise kind(
                f"{failed}{host}: {result.message}",
                host=host,
                tried=title(result.operation),
                hint=result.hint,
                last_lines=result.last_lines,
            )
