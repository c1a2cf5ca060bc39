"""Commands, for what no other operation describes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from windlass.operations.operation import Operation
from windlass.values import Command, Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(Operation):
    """A command that runs, unless something says that its work is done already.

    In a check it does not run: it counts as a change if a condition below says that it would run, and as
    "unknown until run" where there is no condition. The result's data holds `output`, `errors` and `status`.

    command        a `Command`, or a text for /bin/sh
    name           what to call it on the screen; the command itself if empty
    creates        do not run if this path exists, or anything that this pattern stands for (`/opt/tool-*/bin`)
    removes        do not run if this path does not exist
    unless         do not run if this command succeeds; it must change nothing, a check runs it too
    only_if        do not run if this command fails; likewise
    run_on         run only if one of these operations changed something, in this run or in an earlier one that broke
    user           as whom; empty is root
    folder         where
    environment    variables besides the clean ones; secrets are welcome here
    give           standard input; the way for secrets, which everybody could read among the arguments
    limit_seconds  how long it may take
    changed        whether running it counts as a change: None or True, it does; False: it only looks, so a check runs it too
    statuses       exit statuses that mean success
    """

    family: ClassVar[str] = "command"

    command: Command | str
    name: str = ""
    creates: str = ""
    removes: str = ""
    unless: Command | str | None = None
    only_if: Command | str | None = None
    run_on: tuple[Operation, ...] = ()
    user: str = ""
    folder: str = "/"
    environment: Mapping[str, str | Secret] = field(default_factory=dict)
    give: str | Secret | None = None
    limit_seconds: float = 600.0
    changed: bool | None = None
    statuses: tuple[int, ...] = (0,)

    def title(self) -> str:
        return self.name or f"run {str(self.command).strip().splitlines()[0][:80]}"

    def watched(self) -> Mapping[str, tuple[Operation, ...]]:
        return {"run": self.run_on} if self.run_on else {}
