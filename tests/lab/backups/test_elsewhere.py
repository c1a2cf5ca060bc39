"""Bringing a database back on another host than its own."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.lab.backups.place import Place, held, state
from windlass import events, lab
from windlass.errors import OperationFailed, RefusedError, UsageError
from windlass.flows.backups import vault
from windlass.flows.backups.holdings import holding, prune
from windlass.flows.backups.restore import explain, restore
from windlass.flows.backups.vault import entry_on, open_vault
from windlass.flows.workspace import Workspace
from windlass.inventory import Keep
from windlass.plans.restoration import Wish

pytestmark = pytest.mark.lab

BLANK = "pg_dropcluster --stop 15 main; pg_createcluster 15 main >/dev/null"  # whatever came before
STARTED = "systemctl start postgresql@15-main; until su postgres -c pg_isready >/dev/null; do sleep 0.1; done"
# The other host has a role of the same name as one in the backup, and other settings on it.
READER = "cd / && su postgres -c \"psql -qc 'CREATE ROLE reader LOGIN CONNECTION LIMIT 3'\""
ASK = 'cd / && su postgres -c "psql -XAtq -d {} -c \\"{}\\""'


def test_a_lost_host_s_database_comes_back_on_another_one(place: Place) -> None:
    done = place.backup()
    here, before = place.entry(), state(place)
    entry = entry_on(place.workspace.environment, here, "spare")
    place.spare(BLANK)
    with pytest.raises(OperationFailed, match="PostgreSQL does not answer"):
        restore(place.workspace, entry, Wish())
    with pytest.raises(UsageError, match="spore"):
        entry_on(place.workspace.environment, here, "spore")
    place.spare(f"{STARTED}; {READER}")

    told = "\n".join(explain(place.workspace, entry, Wish(swap=True), backup=done.id))
    there = restore(place.workspace, entry, Wish(swap=True), backup=done.id)
    rows = place.spare(ASK.format("tickets", "SELECT count(*) FROM people"))
    question = "SELECT rolname, rolcanlogin, rolconnlimit FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1"
    roles = place.spare(ASK.format("postgres", question))
    again = restore(place.workspace, entry, Wish(swap=True), backup=done.id)
    with pytest.raises(RefusedError, match="there is a database tickets already"):
        restore(place.workspace, entry, Wish(into="tickets"), backup=done.id)
    left = place.spare("ls -A /var/lib/windlass/work")

    assert "it goes to spare, needs up to" in told
    assert "roles that spare lacks are made from the backup" in told
    assert re.search("that may take .* going by the drill|nobody knows", told)
    assert (there.host, there.database, there.before, there.roles) == ("spare", "tickets", "", ("tickets",))
    assert (rows, roles.splitlines()) == ("1000", ["postgres|t|-1", "reader|t|3", "tickets|t|-1"])
    assert (again.roles, again.before.startswith("tickets_before_")) == ((), True)
    assert left == ""
    assert state(place) == before


def test_what_comes_back_elsewhere_is_held_on_its_own_host_too_where_that_answers(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the night's run there could let go what is being restored. One that is lost is not waited for."""
    monkeypatch.setattr(vault, "LOCK_WAIT", 0.0)
    here, told = place.entry(), list[str]()
    there = entry_on(place.workspace.environment, here, "spare")
    hurried = replace(place.workspace, environment=replace(place.workspace.environment, connect_seconds=1.0))
    lab.cut_link(place.machine)
    try:
        with open_vault(hurried, there, lambda event: told.append(getattr(event, "text", ""))) as alone:
            alone.hold("restore tickets")
    finally:
        lab.mend_link(place.machine)

    with open_vault(place.workspace, there, events.nobody) as first:
        first.hold("restore tickets")
        with pytest.raises(RefusedError, match=r"backup-tickets is locked by .*: restore tickets") as pruning:
            prune(place.workspace, here)
    with open_vault(place.workspace, here, events.nobody) as night:
        night.hold("back tickets up")
        with pytest.raises(RefusedError, match=r"backup-tickets is locked by .*: back tickets up") as restoring:
            restore(place.workspace, there, Wish())

    assert (pruning.value.host, restoring.value.host) == ("backup", "backup")
    (warning,) = filter(None, told)
    assert "nobody can say whether backups of tickets are made or let go meanwhile: backup (deploy@" in warning


def of_another_environment(place: Place) -> Workspace:
    """A staging whose own database is on the other host, and whose backups lie where those of this environment do."""
    environment = place.workspace.environment
    backups = {"tickets": place.entry().model_copy(update={"host": "spare"})}
    store = place.store.parent
    store.mkdir(parents=True, exist_ok=True)
    store.with_name("staging").symlink_to(store.name)
    return replace(place.workspace, environment=replace(environment, name="staging", backups=backups))


def test_what_another_environment_restores_is_not_let_go_meanwhile(place: Place) -> None:
    """Each locks its own database's host, and they share no other place than the store."""
    staging = of_another_environment(place)
    entry = staging.environment.backup("tickets")
    wanted, told = place.backup().id, list[str]()
    place.backup()
    policy = place.entry().model_copy(update={"keep": Keep(last=1, daily=0, weekly=0, monthly=0)})
    place.spare(STARTED)

    with held(place.spare, lambda: restore(staging, entry, Wish(into="slow"), backup=wanted)):
        while_read = prune(place.workspace, policy, listener=lambda event: told.append(getattr(event, "text", "")))
        left = [each.id for each in holding(place.workspace, policy).backups]
    rows = place.spare(ASK.format("slow", "SELECT count(*) FROM people"))
    afterwards = prune(place.workspace, policy)

    assert (wanted in left, wanted in while_read.dropped, while_read.failed) == (True, False, {})
    assert any(
        re.search(rf"{wanted} stays for now: .* reads it since .* UTC: restore tickets, environment staging", each) for each in told
    )
    assert (rows, wanted in afterwards.dropped) == ("1000", True)
