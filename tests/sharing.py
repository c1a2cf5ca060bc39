"""Which tests belong together when several processes share the work: those of a file, or of a folder with hosts of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from xdist.scheduler import LoadFileScheduling

# To boot and set up the hosts of such a folder costs more than its tests.
TOGETHER = ("tests/lab/tls/",)


def unit(node_id: str) -> str:
    """The folder or file whose tests go to one process."""
    return next((folder for folder in TOGETHER if node_id.startswith(folder)), node_id.partition("::")[0])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadFileScheduling | None:
    """By units, if they are to be distributed by files."""
    from xdist.scheduler import LoadFileScheduling  # noqa: PLC0415

    class ByUnits(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return unit(nodeid)

    return ByUnits(config, log) if config.getvalue("dist") == "loadfile" else None
