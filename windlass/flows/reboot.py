"""Reboots hosts, one after the other: the next one goes down when the one before is back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from windlass import events
from windlass.flows.setup import FailurePolicy, SetupResult, on_hosts
from windlass.operations.reboot import Reboot
from windlass.operations.wire import Batch

if TYPE_CHECKING:
    from windlass.flows.workspace import Workspace
    from windlass.inventory import Host


def reboot(
    workspace: Workspace,
    hosts: Sequence[Host],
    operation: Reboot,
    *,
    check: bool = False,
    listener: events.Listener = events.nobody,
) -> SetupResult:
    """Reboot hosts in this order. The first that fails, or does not come back, leaves the rest untouched."""
    batch = Batch((operation,), check=check)
    batches = {host.name: batch for host in hosts}
    return on_hosts(workspace, batches, step="reboot", policy=FailurePolicy(on_failure="stop"), listener=listener)
