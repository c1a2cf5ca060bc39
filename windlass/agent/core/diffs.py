"""What is shown of a file that changes."""

from __future__ import annotations

from typing import Optional

from windlass.agent.core import attributes
from windlass.agent.core.context import Context
from windlass.agent.core.process import lines

LONGEST = 200_000  # bytes of either side; more is no longer read by anybody


def text_diff(before: Optional[bytes], after: Optional[bytes], path: str) -> str:
    """A unified diff of two texts; a short note for binary or very long ones."""
    old, new = before or b"", after or b""
    if len(old) > LONGEST or len(new) > LONGEST:
        return "%s: %d bytes become %d bytes" % (path, len(old), len(new))
    if all(text.count(b"\r\n") == text.count(b"\n") for text in (old, new)):  # both end their lines so: that is no news
        old, new = old.replace(b"\r\n", b"\n"), new.replace(b"\r\n", b"\n")
    try:
        old_lines, new_lines = lines(old.decode()), lines(new.decode())
    except UnicodeDecodeError:
        return "%s: binary, %d bytes become %d bytes" % (path, len(old), len(new))
    import difflib  # noqa: PLC0415 - what is as it should be has no diff

    names = ("/dev/null" if before is None else path, "/dev/null" if after is None else path)
    if old_lines == new_lines and old != new:
        return "%s: the last line %s its end" % (path, "gets" if new.endswith(b"\n") else "loses")
    return "\n".join(difflib.unified_diff(old_lines, new_lines, names[0], names[1], lineterm=""))


def shown_diff(before: Optional[bytes], after: Optional[bytes], path: str, context: Context) -> str:
    """The same, but no line of a file into which something secret was written: nobody may know it any more who could mask it."""
    if holds_secret(path, context):
        return "%s: content is not shown, for something secret was written there" % path
    return text_diff(before, after, path)


def holds_secret(path: str, context: Context) -> bool:
    """Whether something secret is, or in a check will be, in what stands there."""
    foreseen = context.foreseen(path)
    if foreseen:
        return bool(foreseen.secret)
    return attributes.holds_secret(path) or bool(context.foresights and context.foresights.is_secret(path))


def mark_secret(path: str, context: Context) -> None:
    """Something secret is there already: what an earlier version wrote, or an editor wrote anew, has no mark."""
    if context.foresights:
        context.foresights.secret(path)
    elif not context.check:
        attributes.mark(path, True)
