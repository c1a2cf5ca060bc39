"""Hosts that are set up for the first time: a check, the run that it foretold, and a second run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tests.lab.foresight import Witness
from tests.lab.suite.stock import furnished
from windlass import lab
from windlass.flows.setup import SetupResult, setup
from windlass.flows.twin import lab_spec, labs_folder
from windlass.flows.workspace import Workspace, load_environment, open_workspace


@dataclass(frozen=True)
class FirstSetup:
    """The running hosts, and what the first check, the first run and the second run of setup came to."""

    workspace: Workspace
    lab: lab.Lab
    foreseen: SetupResult
    first: SetupResult
    second: SetupResult
    foretold: Witness
    witnessed: Witness

    @property
    def project(self) -> Path:
        return self.workspace.project


Place = TypeVar("Place", bound=FirstSetup)


@contextmanager
def set_up(kind: type[Place], project: Path, name: str, kinds: Mapping[str, str]) -> Iterator[Place]:
    """The hosts of an environment, which begin as these kinds (stock.py); they go when the block is left."""
    root, spec = labs_folder(project), lab_spec(load_environment(project, name))
    try:
        running = furnished(spec, root, kinds)
        workspace = open_workspace(project, name, lab=True)
        hosts, foretold, witnessed = workspace.hosts(), Witness(), Witness()
        yield kind(
            workspace,
            running,
            setup(workspace, hosts, check=True, listener=foretold),
            setup(workspace, hosts, listener=witnessed),
            setup(workspace, hosts),
            foretold,
            witnessed,
        )
    finally:
        lab.down(name, root=root, say=_silent)


def _silent(_line: str) -> None:
    """Tests read results, not progress."""
