"""Conditions without which nothing should be done to a host."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from windlass.errors import InventoryError
from windlass.operations.operation import Operation
from windlass.values import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class Assert(Operation):
    """What must be so on the host, in a check, too; otherwise it fails with this message, and what follows is not done.

    In `setup` the asserts of all roles come before everything else, unless one has `only_after` or `first=False`. It never
    counts as a change. All conditions that are given must hold.

    message        what to say if it does not hold
    hint           what to do then
    facts          by name what a fact must be, or a list of what it may be: {"os": "debian", "codename": ["bookworm", "trixie"]}
    at_least       the same for numbers: {"cpus": 2, "memory": 2_000_000_000}
    free           bytes that must be free below a path: {"/srv": 10_000_000_000}
    command        a `Command`, or a text for /bin/sh, that must succeed; it must only look
    contains       a regular expression that the command's output must hold
    first          before everything else of the host in a setup
    limit_seconds  how long the command may take
    """

    family: ClassVar[str] = "assertion"

    message: str
    hint: str = ""
    facts: Mapping[str, object] | None = None
    at_least: Mapping[str, float] | None = None
    free: Mapping[str, float] | None = None
    command: Command | str | None = None
    contains: str = ""
    first: bool = True
    limit_seconds: float = 60.0

    def __post_init__(self) -> None:
        if not (self.facts or self.at_least or self.free or self.command):
            raise InventoryError(f"the assert {self.message!r} asserts nothing", hint="give facts, at_least, free or command")
        try:
            re.compile(self.contains)
        except re.error as error:
            raise InventoryError(f"{self.contains!r} is not a regular expression: {error}") from None

    @classmethod
    def kind(cls) -> str:
        return "assertion.assert_true"

    def title(self) -> str:
        return f"assert: {self.message}"
