"""JSON by the part in C of Python's own module, whose other half takes longer to load than a batch's frames to read.

Where there is no such part (Debian's python3-minimal), or it wants other arguments, the module itself does it.
"""

from __future__ import annotations

from typing import Any, Callable, Tuple

Write = Callable[[Any], str]
Read = Callable[[str], Any]


class _Usual:
    """What is made of what is read: the same as by `json.loads`."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float


def by_the_part_in_c() -> Tuple[Read, Write, Write]:
    """Reads; writes as short as can be; writes in the order of the keys. Raises ImportError, TypeError."""
    import _json  # noqa: PLC0415 - there may be none

    parts: Any = _json

    short = parts.make_encoder(None, None, parts.encode_basestring_ascii, None, ":", ",", False, False, True)
    ordered = parts.make_encoder(None, None, parts.encode_basestring_ascii, None, ": ", ", ", True, False, True)
    scan = parts.make_scanner(_Usual)

    def read(text: str) -> Any:
        text = text.strip(" \t\n\r")
        try:
            value, end = scan(text, 0)
        except StopIteration:
            raise ValueError("not JSON") from None
        if end != len(text):
            raise ValueError("not only JSON")
        return value

    return read, lambda value: "".join(short(value, 0)), lambda value: "".join(ordered(value, 0))


def by_the_module() -> Tuple[Read, Write, Write]:
    """The same, as everybody does it."""
    import json  # noqa: PLC0415 - it is what this is here to avoid

    return (
        json.loads,
        lambda value: json.dumps(value, separators=(",", ":")),
        lambda value: json.dumps(value, sort_keys=True),
    )


try:
    read, short, ordered = by_the_part_in_c()
except (ImportError, TypeError):
    read, short, ordered = by_the_module()
