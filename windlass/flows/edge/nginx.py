"""The sites of nginx without the rest of the playbook: what would change, changing it, and having it loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from windlass import events
from windlass.errors import FlowFailed, HostError, UsageError, WindlassError
from windlass.flows.setup import batch_for
from windlass.flows.steps import all_of
from windlass.hosts.many.fleet import errors_of
from windlass.operations.nginx import NginxReload, NginxSites
from windlass.operations.wire import Batch

if TYPE_CHECKING:
    from windlass.flows.workspace import Workspace
    from windlass.hosts.agent.results import Result
    from windlass.inventory import Host

ROLE = "nginx"


@dataclass(frozen=True, slots=True)
class Sites:
    """What a run came to: for each host each site (`unchanged`, `changed`, or why it was refused), and what else changes there."""

    hosts: Mapping[str, Mapping[str, str]]
    others: Mapping[str, tuple[str, ...]]
    errors: Mapping[str, HostError]

    def error(self) -> WindlassError | None:
        """None if every site of every host is, or can become, what it should be."""
        if len(self.errors) == len(self.hosts) == 1:
            return next(iter(self.errors.values()))
        if not self.errors:
            return None
        return FlowFailed(
            f"nginx does not serve what it should on {len(self.errors)} of {len(self.hosts)} hosts",
            hosts={host: self.errors[host].message if host in self.errors else "as wanted" for host in self.hosts},
            partly=len(self.errors) < len(self.hosts),
            hint="; ".join(dict.fromkeys(error.hint for error in self.errors.values() if error.hint)),
            last_lines=[f"{host}: {line}" for host, error in self.errors.items() for line in error.last_lines],
        )


def serving(workspace: Workspace, limit: str = "", site: str = "") -> dict[str, Batch]:
    """What the role wants of each host that has it; of a `site` this alone. Raises UsageError where no host is meant."""
    if site:
        workspace.environment.application(site)
    hosts = [host for host in workspace.hosts(limit) if ROLE in workspace.environment.roles_of(host)]
    batches = {host.name: _batch(workspace, host, site) for host in hosts}
    found = {host: batch for host, batch in batches.items() if batch.operations}
    if not found:
        what = f"the site {site}" if site else "the role nginx"
        raise UsageError(
            f"no host of {limit or workspace.environment.name} has {what}",
            hint="invoke inventory.hosts lists hosts with their roles",
        )
    return found


def _batch(workspace: Workspace, host: Host, site: str) -> Batch:
    whole = batch_for(workspace, host, roles=(ROLE,))
    if not site:
        return whole
    wanted = [each for each in whole.operations if isinstance(each, NginxSites) and site in [one.name for one in each.sites]]
    return Batch(tuple(replace(each, only=site) for each in wanted))


def apply(
    workspace: Workspace, batches: Mapping[str, Batch], *, check: bool = False, listener: events.Listener = events.nobody
) -> Sites:
    """Have each host serve its sites, or with `check` only say what would change; a bad site is put back by the host itself."""
    runs = {host: replace(batch, check=check, go_on=True) for host, batch in batches.items()}
    with workspace.fleet(runs, listener) as fleet:
        outcomes = fleet.run(runs)
    errors = errors_of(outcomes)
    hosts: dict[str, Mapping[str, str]] = {host: {} for host in batches}
    others: dict[str, tuple[str, ...]] = {}
    for host, outcome in outcomes.items():
        if isinstance(outcome, HostError):
            continue
        hosts[host], others[host] = _states(outcome), _others(outcome)
        failed = _first_failure(host, outcome)
        if failed:
            errors[host] = failed
    return Sites(hosts, others, errors)


def _states(results: Sequence[Result]) -> dict[str, str]:
    found: dict[str, Any] = next((result.data for result in results if isinstance(result.operation, NginxSites)), {})
    return {str(name): str(state) for name, state in found.get("sites", {}).items()}


def _others(results: Sequence[Result]) -> tuple[str, ...]:
    touched = [result for result in results if result.status in ("changed", "unknown")]
    return tuple(result.operation.title() for result in touched if not isinstance(result.operation, NginxSites))


def _first_failure(host: str, results: Sequence[Result]) -> HostError | None:
    failed = next((result for result in results if result.failed), None)
    if failed is None:
        return None
    title = failed.operation.title()
    return HostError(
        f"{title} failed on {host}: {failed.message}", host=host, tried=title, hint=failed.hint, last_lines=failed.last_lines
    )


def reload(workspace: Workspace, hosts: Sequence[str], *, listener: events.Listener = events.nobody) -> None:
    """Test and load on every host. Raises what a host says that could not; it goes on as it was."""
    with workspace.fleet(hosts, listener) as fleet:
        all_of(fleet.run_same(hosts, (NginxReload(),)))
