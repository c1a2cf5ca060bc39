"""What the host has said to one question, for all operations of a batch that would ask the same.

dpkg and systemd take longer to answer than everything else that a look at an unchanged host needs, and both can be asked once
for all. An answer is forgotten as soon as an operation came to anything but "it is so already", or was of a kind that may do
things without saying so, such as a command: a stale answer would be worse than a slow one.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List

# These have done nothing to the host when they say that nothing had to change.
ONLY_LOOK = frozenset(
    [
        "apt",
        "cron",
        "directory",
        "file",
        "group",
        "hostname",
        "kernel_module",
        "line",
        "link",
        "locale",
        "logrotate",
        "mount",
        "package",
        "service",
        "sudoers",
        "sysctl",
        "template",
        "time_zone",
        "tmpfiles",
        "unit",
        "user",
        "wait",
    ]
)


class Known:
    """The answers of a batch. `operations` are all of the batch, so that one question can be asked for the later ones, too."""

    def __init__(self) -> None:
        self.operations: List[Dict[str, Any]] = []
        self._answers: Dict[str, Any] = {}

    def begin(self, operations: List[Dict[str, Any]]) -> None:
        """A new batch: what was known may be long ago."""
        self.operations = operations
        self._answers.clear()

    def ask(self, question: str, answer: Callable[[], Any]) -> Any:
        """What is known under this name; asked for now if it is not known yet."""
        if question not in self._answers:
            self._answers[question] = answer()
        return self._answers[question]

    def after(self, kind: str, status: str) -> None:
        """An operation has ended."""
        if status != "ok" or kind.partition(".")[0] not in ONLY_LOOK:
            self._answers.clear()
