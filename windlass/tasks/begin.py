"""What a command begins with: hosts first, for they take longest to answer, then the program."""

from __future__ import annotations

import functools
import sys

from windlass import kept
from windlass.tasks import reader, remembered


@functools.cache
def ahead() -> None:
    """Call the hosts that the same command line came to before, and make classes and patterns from what is kept of them."""
    reader.may_leave()
    kept.start(*sys.argv[1:2])
    remembered.call(sys.argv[1:])
    from windlass.tasks import kept_code, kept_patterns

    kept_code.start()
    kept_patterns.start()


def command() -> None:
    """What `windlass` on a shell is."""
    ahead()
    from windlass.tasks.program import command as go_on

    go_on()
