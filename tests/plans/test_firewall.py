"""Which doors an environment opens: worked out of who runs what where, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.roles_sample import ALONE, APPLICATION, BALANCED, environment
from windlass.errors import InventoryError
from windlass.inventory import Backup, Environment, StoreEntry
from windlass.plans.firewall import ANYWHERE, Opening, clients, family, openings

SSH = Opening(22, "tcp", ANYWHERE, "SSH")


def doors(loaded: Environment, host: str) -> tuple[Opening, ...]:
    return openings(loaded, loaded.host(host))


def test_without_applications_only_ssh_is_open_at_the_hosts_own_port(tmp_path: Path) -> None:
    loaded = environment(tmp_path)

    assert {name: doors(loaded, name) for name in loaded.hosts} == {
        "web1": (SSH,),
        "web2": (SSH,),
        "app1": (SSH,),
        "app2": (Opening(2222, "tcp", ANYWHERE, "SSH"),),
        "data1": (SSH,),
    }


def test_behind_a_balancer_only_the_balancers_reach_the_application(tmp_path: Path) -> None:
    loaded = environment(tmp_path, BALANCED)

    assert doors(loaded, "web1") == (SSH, Opening(80, "tcp", ANYWHERE, "site of shop"))
    assert doors(loaded, "app1") == (SSH, Opening(8080, "tcp", ("198.51.100.10", "2001:db8::11"), "shop for its balancers"))


def test_without_a_balancer_the_applications_own_host_serves_the_public(tmp_path: Path) -> None:
    loaded = environment(tmp_path, ALONE)

    assert doors(loaded, "app1") == (SSH, Opening(80, "tcp", ANYWHERE, "site of shop"))
    assert doors(loaded, "app2") == (Opening(2222, "tcp", ANYWHERE, "SSH"),)
    assert doors(loaded, "web1") == (SSH,)


def test_a_balancer_that_runs_the_application_too_needs_no_door_to_itself(tmp_path: Path) -> None:
    loaded = environment(tmp_path, BALANCED.replace("balancer: web,", "balancer: app1,"))

    assert doors(loaded, "app1") == (SSH, Opening(80, "tcp", ANYWHERE, "site of shop"))
    assert doors(loaded, "app2")[1:] == (Opening(8080, "tcp", ("198.51.100.21",), "shop for its balancers"),)


def test_stores_are_open_to_the_hosts_that_run_applications(tmp_path: Path) -> None:
    loaded = environment(tmp_path, BALANCED)
    addresses = ("198.51.100.21", "2001:db8::22")

    assert doors(loaded, "data1") == (
        SSH,
        Opening(5432, "tcp", addresses, "postgresql for the applications"),
        Opening(6379, "tcp", addresses, "redis for the applications"),
    )
    assert clients(loaded, loaded.host("data1")) == addresses
    assert clients(loaded, loaded.host("app1")) == ("2001:db8::22",)


def test_a_host_that_stores_backups_lets_in_those_alone_whose_backups_come_to_it(tmp_path: Path) -> None:
    loaded = environment(tmp_path)
    stores = {
        "vault": StoreEntry(name="vault", host="web1", directory="/srv/backups"),
        "idle": StoreEntry(name="idle", host="web2", directory="/srv/backups"),
    }
    shop = Backup(name="shop", database="shop", host="data1", stores=("vault",), recipients=("age1" + "q" * 58,))
    loaded = replace(loaded, stores=stores, backups={"shop": shop})
    sender = loaded.host("data1").private_address

    assert doors(loaded, "web1") == (SSH, Opening(8474, "tcp", (sender,), "backups to vault", at_times=True))
    assert doors(loaded, "web2") == (SSH,)


def test_sites_that_share_a_port_share_an_opening(tmp_path: Path) -> None:
    second = f"applications:\n  blog:\n    hosts: app1\n{APPLICATION}\n    site: {{balancer: web1, domains: [blog.example.org]}}\n"
    loaded = environment(tmp_path, BALANCED, second)

    assert doors(loaded, "web1")[1:] == (Opening(80, "tcp", ANYWHERE, "site of shop, site of blog"),)
    assert doors(loaded, "app1")[1:] == (
        Opening(8080, "tcp", ("198.51.100.10", "2001:db8::11"), "shop for its balancers, blog for its balancers"),
    )


def test_a_private_address_that_is_a_name_is_refused(tmp_path: Path) -> None:
    loaded = environment(tmp_path, BALANCED)
    named = {**loaded.hosts, "web1": loaded.host("web1").model_copy(update={"private_address": "web1.internal"})}

    with pytest.raises(InventoryError, match=r"host web1: 'web1\.internal' is a name") as caught:
        doors(replace(loaded, hosts=named), "app1")

    assert caught.value.hint == "give it as private_address of the host"


@pytest.mark.parametrize(("address", "expected"), [("192.0.2.1", "ip"), ("192.0.2.0/24", "ip"), ("2001:db8::1", "ip6")])
def test_family(address: str, expected: str) -> None:
    assert family(address) == expected
