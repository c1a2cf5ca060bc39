"""Whether ssh was let in, by what it says of itself: its own limit ends with the other side's greeting.

Keys are exchanged and proved after that, and who stalls there would be waited for as long as a line may be silent.
"""

from __future__ import annotations

import re
import time
from typing import Final

from windlass.hosts.common.target import Target

LEVEL: Final = "VERBOSE"  # at which ssh says that it was let in, a line; any lower one does not
_LET_IN: Final = re.compile(rb"^Authenticated to ", re.MULTILINE)
_OF_ITSELF: Final = re.compile(r"^(?:Authenticated to |Transferred: sent |Bytes per second: ).*\n?", re.MULTILINE)


class Login:
    """The time in which one has to have happened: as long for the greeting, which ssh counts for itself, as again for the rest.

    Over a connection that an earlier run has left (`warm`) nobody logs in, and nothing is said.
    """

    def __init__(self, target: Target, *, warm: bool) -> None:
        self.is_over = warm
        self._deadline = time.monotonic() + 2 * max(1.0, target.connect_seconds)

    @property
    def left(self) -> float:
        """Seconds; below 0 it stalls."""
        return self._deadline - time.monotonic()

    def hear(self, said: bytes) -> None:
        """All that came on standard error so far."""
        self.is_over = self.is_over or bool(_LET_IN.search(said))


def without_its_own(said: str) -> str:
    """What others have written on standard error, and ssh where something is wrong."""
    return _OF_ITSELF.sub("", said)
