"""What an operation says when it is over, and how one collects its changes."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from windlass.agent.core import owed


class Outcome:
    """The result of one operation: whether something changed (or would, in a check), what, and any data it found."""

    def __init__(
        self,
        changed: bool,
        summary: str = "",
        diff: str = "",
        data: Optional[Dict[str, Any]] = None,
        unknown: bool = False,
    ) -> None:
        self.changed = changed
        self.summary = summary
        self.diff = diff
        self.data = data or {}
        self.unknown = unknown


class OperationError(Exception):
    """An operation cannot be done; the text says what happened, `hint` what to do, `last_lines` a program's last words."""

    def __init__(self, message: str, hint: str = "", last_lines: Sequence[str] = (), data: Optional[Dict[str, Any]] = None) -> None:
        super().__init__(message)
        self.hint = hint
        self.last_lines = list(last_lines)
        self.data = data or {}


class Changes:
    """The changes an operation found necessary, each with the action that makes it.

    An operation looks at the host, adds what differs, and ends with `outcome(context)`: in a check the actions are left
    out, otherwise they run in order. So a check lists exactly what a run does.
    """

    def __init__(self) -> None:
        self._steps: List[Tuple[str, Callable[[], Any]]] = []
        self._diffs: List[str] = []
        self._told: List[str] = []
        self.data: Dict[str, Any] = {}
        self.unknown = False

    def add(self, text: str, action: Callable[[], Any], diff: str = "") -> None:
        self._steps.append((text, action))
        if diff:
            self._diffs.append(diff)

    def tell(self, text: str, diff: str = "") -> None:
        """What comes with what is added: an action may say it when it is done, and a check foresee it."""
        self._told += [text] if text else []
        self._diffs += [diff] if diff else []

    def __bool__(self) -> bool:
        return bool(self._steps)

    def texts(self) -> List[str]:
        return [text for text, _action in self._steps]

    def outcome(self, check: bool) -> Outcome:
        if not check and self._steps:
            owed.remember()
            for _text, action in self._steps:
                action()
        summary = ", ".join(self.texts() + self._told)
        return Outcome(bool(self._steps), summary, "\n".join(self._diffs), self.data, self.unknown and check)
