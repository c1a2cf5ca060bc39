"""Which backups are meant, and where they lie."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.sample_project import HOSTS, write_project
from tests.unit.test_stores import NIGHT, files_no_bigger_than, proof, put
from windlass import events, lab
from windlass.errors import BackupError, RefusedError, UsageError
from windlass.flows.backups.holdings import holding, pin, prune, prune_held
from windlass.flows.backups.picking import passed_over, pick
from windlass.flows.backups.store_opening import open_store
from windlass.flows.backups.vault import chosen_backup, chosen_backups, chosen_places, open_vault
from windlass.flows.workspace import Workspace, open_workspace
from windlass.inventory import Keep, StoreEntry
from windlass.stores.directory import DirectoryStore
from windlass.stores.signature import Signatures

BACKUPS = """
backups:
  shop: {database: shop, host: web1, directory: kept/backups}
  blog: {database: blog, host: web2, directory: /srv/backups}
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    write_project(tmp_path)
    (tmp_path / "inventories" / "staging" / "hosts.yml").write_text(HOSTS + BACKUPS)
    return open_workspace(tmp_path, "staging")


def test_a_store_is_where_the_inventory_says(workspace: Workspace) -> None:
    places = [open_store(workspace, entry).place for entry in chosen_backups(workspace.environment)]

    assert places == [str(workspace.project / "kept/backups"), "/srv/backups"]


def test_backups_of_a_twin_never_go_among_the_real_ones(workspace: Workspace) -> None:
    nowhere = Path("/nowhere")
    running = lab.Lab("staging", nowhere, "", "", {}, nowhere, nowhere, "", "")
    twin = replace(workspace, lab=running)
    alone = replace(twin, environment=replace(workspace.environment, name="lab"))
    shop, blog = chosen_backups(workspace.environment)

    assert {open_store(twin, entry).place for entry in (shop, blog)} == {str(workspace.project / ".windlass/twins/staging/backups")}
    assert open_store(alone, shop).place == str(workspace.project / "kept/backups")


def test_one_of_several_has_to_be_named(workspace: Workspace) -> None:
    with pytest.raises(UsageError, match="which backup") as caught:
        chosen_backup(workspace.environment)

    assert caught.value.hint == "say --name shop or --name blog"
    assert chosen_backup(workspace.environment, "blog").name == "blog"


def test_a_backup_with_several_stores_is_one_backup_for_each(workspace: Workspace) -> None:
    environment = workspace.environment
    stores = {name: StoreEntry(name=name, directory=f"/srv/{name}") for name in ("near", "far")}
    shop = environment.backup("shop").model_copy(update={"stores": ("near", "far"), "directory": ""})
    backups = {"shop": shop, "blog": environment.backup("blog")}
    several = replace(workspace, environment=replace(environment, stores=stores, backups=backups))

    every = chosen_places(several.environment)
    with pytest.raises(UsageError, match="no backups in 'moon'") as caught:
        chosen_places(several.environment, "shop", "moon")

    assert [(each.name, each.store) for each in every] == [("shop", "near"), ("shop", "far"), ("blog", "directory")]
    assert [open_store(several, each).place for each in every] == ["/srv/near", "/srv/far", "/srv/backups"]
    assert [each.store for each in chosen_places(several.environment, store="far")] == ["far"]
    assert chosen_backup(several.environment, "shop").store == "near"
    assert chosen_backup(several.environment, "shop", "far").store == "far"
    assert [each.name for each in chosen_backups(several.environment)] == ["shop", "blog"]
    assert caught.value.hint == "stores: near, far"


def test_an_environment_without_backups_says_so(workspace: Workspace) -> None:
    with pytest.raises(UsageError, match="staging has no backups"):
        chosen_backups(replace(workspace.environment, backups={}))


def test_the_newest_good_one_is_picked_or_the_one_whose_id_begins_so(workspace: Workspace) -> None:
    shop = chosen_backup(workspace.environment, "shop")
    store = open_store(workspace, shop)
    assert isinstance(store, DirectoryStore)
    with pytest.raises(UsageError, match="there is no good backup of shop"):
        pick(store, shop)

    for number, name in enumerate(("20261118-aa", "20261118-bb", "20261119-cc")):
        put(store, name, NIGHT + timedelta(hours=number))
    store.add_proof("shop", proof("20261119-cc", "verify", NIGHT, passed=False))

    assert [pick(store, shop).id, pick(store, shop, "20261118-a").id] == ["20261118-bb", "20261118-aa"]
    with pytest.raises(UsageError, match="2 backups of shop begin with '20261118'"):
        pick(store, shop, "20261118")
    with pytest.raises(UsageError, match="no backup of shop begins with '2025'"):
        pick(store, shop, "2025")
    with pytest.raises(RefusedError, match="20261119-cc is not good"):
        pick(store, shop, "20261119")
    assert pick(store, shop, "20261119", damaged=True).id == "20261119-cc"


def test_what_is_newer_and_not_taken_is_told(workspace: Workspace) -> None:
    store = open_store(workspace, chosen_backup(workspace.environment, "shop"))
    assert isinstance(store, DirectoryStore)
    names = [f"2026112{number}T023000Z-00000{number}" for number in range(4)]
    for number, name in enumerate(names):
        put(store, name, NIGHT + timedelta(days=number))
    store.add_proof("shop", proof(names[1], "verify", NIGHT, passed=False))
    (store.folder / "shop" / names[2] / "dump.zst").unlink()
    (store.folder / "shop" / names[3] / "manifest.json").write_text("{")
    (store.folder / "shop" / "notes").mkdir()
    listing = store.listing("shop")
    newest = listing.newest()
    assert newest is not None

    told = list(passed_over(listing, newest))

    assert newest.id == names[0]
    assert told[:2] == [
        f"a newer one is passed over, {names[1]}: its bytes are not those that were written",
        f"a newer one is passed over, {names[2]}: dump.zst is missing or cut off",
    ]
    assert [each.partition(": ")[0] for each in told[2:]] == [f"a newer one is passed over, {names[3]}"]


@pytest.mark.parametrize(("changed", "skipped"), [("20261118-zz", True), ("20261119-aa", False)])
def test_a_changed_manifest_that_is_newer_by_its_name_is_never_passed_over(
    workspace: Workspace, tmp_path: Path, changed: str, *, skipped: bool
) -> None:
    shop = chosen_backup(workspace.environment, "shop")
    store = DirectoryStore(tmp_path / "signed", Signatures(tmp_path / "keys"))
    put(store, "20261118-aa", NIGHT)
    put(store, changed, NIGHT - timedelta(microseconds=1))
    path = store.folder / "shop" / changed / "manifest.json"
    path.write_text(path.read_text().replace("40", "41"))

    if skipped:  # of the same second, and its data is older
        assert pick(store, shop).id == "20261118-aa"
    else:
        with pytest.raises(RefusedError, match="signature does not fit"):
            pick(store, shop)


def test_a_pinned_one_stays_with_its_reason_until_it_is_unpinned(workspace: Workspace) -> None:
    shop = chosen_backup(workspace.environment, "shop").model_copy(update={"keep": Keep(last=1, daily=0, weekly=0, monthly=0)})
    store = open_store(workspace, shop)
    assert isinstance(store, DirectoryStore)
    for number, name in enumerate(("20261118-aa", "20261119-bb", "20261120-cc")):
        put(store, name, NIGHT + timedelta(hours=number) - timedelta(days=9))

    pin(workspace, shop, "20261118", reason="before the migration")
    held = holding(workspace, shop)
    would_go = prune(workspace, shop, check=True).dropped
    pin(workspace, shop, "20261118", reason="still")
    store.add_proof("shop", proof("20261118-aa", "verify", NIGHT, passed=False))
    pin(workspace, shop, "20261118", off=True)  # though its bytes went bad: nobody could get rid of it
    free = prune(workspace, shop, check=True).dropped

    (reason,) = held.decisions["20261118-aa"].reasons
    assert reason.startswith("pinned by ")
    assert reason.endswith(": before the migration")
    assert (set(would_go), set(free)) == ({"20261119-bb"}, {"20261118-aa", "20261119-bb"})
    assert not (store.folder / "shop" / "20261118-aa" / "pin.json").exists()
    with pytest.raises(UsageError, match="which backup"):
        pin(workspace, shop, "")


def test_an_old_one_that_cannot_be_removed_stays_is_told_and_fails_nothing(workspace: Workspace) -> None:
    shop = chosen_backup(workspace.environment, "shop").model_copy(update={"keep": Keep(last=1, daily=0, weekly=0, monthly=0)})
    store = open_store(workspace, shop)
    assert isinstance(store, DirectoryStore)
    names = ("20261118-aa", "20261119-bb", "20261120-cc")
    for number, name in enumerate(names):
        put(store, name, NIGHT + timedelta(hours=number) - timedelta(days=9))
    in_the_way = store.folder / "shop" / ".removing-20261118-aa" / "something"
    in_the_way.mkdir(parents=True)
    said: list[str] = []

    pruned = prune_held(store, shop, lambda event: said.append(str(event)))

    assert (set(pruned.dropped), set(pruned.failed)) == ({names[1]}, {names[0]})
    assert "an old backup stays for now: cannot remove" in said[0]
    assert [each.id for each in store.listing("shop").backups] == [names[0], names[2]]


def test_only_a_backup_of_another_environment_is_locked_while_it_is_read(workspace: Workspace) -> None:
    shop = chosen_backup(workspace.environment, "shop")
    other = replace(workspace, environment=replace(workspace.environment, name="production"))
    put_in(workspace, "20261118-aa")
    folder = workspace.project / "kept/backups/shop/20261118-aa"
    seen = []

    for reader in (workspace, other):
        with open_vault(reader, shop, events.nobody) as vault, vault.reading(vault.pick("20261118"), "restore shop"):
            seen.append([path.read_text() for path in folder.glob("read-lock-*")])

    assert seen[0] == []
    assert f'"{workspace.operator}"' in seen[1][0]
    assert '"restore shop, environment production"' in seen[1][0]
    assert list(folder.glob("read-lock-*")) == []


def test_one_that_was_let_go_just_now_is_said_and_one_that_cannot_be_locked_is_told_of(workspace: Workspace) -> None:
    shop, told = chosen_backup(workspace.environment, "shop"), list[str]()
    other = replace(workspace, environment=replace(workspace.environment, name="production"))
    store = put_in(workspace, "20261118-aa", "20261119-bb")

    with open_vault(other, shop, lambda event: told.append(getattr(event, "text", ""))) as vault:
        full = files_no_bigger_than(0)
        with full, vault.reading(vault.pick("20261119"), "restore shop"):
            pass
        gone = vault.pick("20261118")
        store.remove("shop", gone.id)
        with pytest.raises(BackupError) as caught, vault.reading(gone, "restore shop"):
            raise AssertionError

    assert caught.value.message == "20261118-aa of the environment staging was let go just now; nothing was changed"
    (warning,) = told
    assert warning.startswith("nobody keeps the environment staging from letting 20261119-bb go meanwhile: cannot write ")


def put_in(workspace: Workspace, *names: str) -> DirectoryStore:
    """Backups of this environment in its first store."""
    store = open_store(workspace, chosen_backup(workspace.environment, "shop"))
    assert isinstance(store, DirectoryStore)
    for name in names:
        put(store, name)
    return store
