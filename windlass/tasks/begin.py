"""What a command begins with: hosts first, for they take longest to answer, then the program."""

from __future__ import annotations

import functools
import sys

from windlass.tasks import remembered


@functools.cache
def ahead() -> None:
    """Call the hosts that the same command line came to before. Whoever imports this on the way to something else calls nobody."""
    remembered.call(sys.argv[1:])


def command() -> None:
    """What `windlass` on a shell is."""
    ahead()
    from windlass.tasks.program import command as go_on

    go_on()
