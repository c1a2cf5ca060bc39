"""The role app: what an application stands on before its first deploy."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.roles_sample import ALONE, BALANCED, environment, steps, text, titles
from windlass.operations.directory import Directory
from windlass.operations.link import Link
from windlass.operations.service import Service
from windlass.operations.user import User

UNIT = "/etc/systemd/system/pm2-shop.service"


def test_only_the_hosts_of_an_application_get_it(tmp_path: Path) -> None:
    loaded = environment(tmp_path, ALONE)

    assert titles(steps(loaded, "app1", "app"))[0] == "user shop"
    assert steps(loaded, "app2", "app") == []


def test_what_decides_which_release_is_live_is_out_of_the_applications_reach(tmp_path: Path) -> None:
    wanted = steps(environment(tmp_path, ALONE), "app1", "app")
    owners = {each.path: (each.owner, each.group, each.mode) for each in wanted if isinstance(each, Directory)}

    assert owners == {
        **dict.fromkeys(
            [f"/srv/shop{name}" for name in ("", "/releases", "/records", "/slots", "/slots/blue", "/slots/green")],
            ("root", "root", "0755"),
        ),
        "/srv/shop/shared": ("shop", "shop", "0750"),
        **dict.fromkeys([f"/srv/shop/{name}" for name in (".pm2", ".npm", ".cache")], ("shop", "shop", "0700")),
        "/run/shop": ("root", "root", "0755"),
        "/run/shop/locks": ("shop", "shop", "0750"),
        "/run/shop/blue": ("shop", "www-data", "2770"),
        "/run/shop/green": ("shop", "www-data", "2770"),
        "/var/log/shop": ("shop", "adm", "2750"),
    }
    assert {(each.path, each.target) for each in wanted if isinstance(each, Link)} == {
        ("/srv/shop/slots/blue/run", "/run/shop/blue"),
        ("/srv/shop/slots/green/run", "/run/shop/green"),
    }


def test_the_folders_of_the_sockets_are_made_again_at_boot_as_they_are_now(tmp_path: Path) -> None:
    rows = text(steps(environment(tmp_path, ALONE), "app1", "app"), "/etc/tmpfiles.d/windlass-shop.conf").splitlines()[1:]

    assert rows == [
        "d /run/shop 0755 root root -",
        "d /run/shop/locks 0750 shop shop -",
        "d /run/shop/blue 2770 shop www-data -",
        "d /run/shop/green 2770 shop www-data -",
    ]


def test_pm2_runs_as_the_user_and_waits_for_the_slowest_process(tmp_path: Path) -> None:
    loaded = environment(tmp_path, ALONE.replace("hosts: app1", "hosts: app1\n    user: seller"))
    wanted = steps(loaded, "app1", "app")
    unit = text(wanted, UNIT).splitlines()

    assert {"User=seller", "UMask=0007", "TimeoutStopSec=75", "LimitNOFILE=65536", "PIDFile=/srv/shop/.pm2/pm2.pid"} <= set(unit)


@pytest.mark.parametrize(("given", "name", "home"), [("", "shop", "/srv/shop"), ("\n    user: seller", "seller", "")])
def test_only_an_account_of_the_applications_own_name_gets_its_folder_as_home(
    tmp_path: Path, given: str, name: str, home: str
) -> None:
    loaded = environment(tmp_path, ALONE.replace("hosts: app1", f"hosts: app1{given}"))
    (user,) = (each for each in steps(loaded, "app1", "app") if isinstance(each, User))

    assert (user.name, user.system, user.home, user.create_home) == (name, True, home, False)


def test_a_changed_unit_never_ends_the_application(tmp_path: Path) -> None:
    assert Service(name="pm2-shop") in steps(environment(tmp_path, BALANCED), "app2", "app")


def test_logs_are_emptied_in_place_as_the_application(tmp_path: Path) -> None:
    rules = text(steps(environment(tmp_path, ALONE), "app1", "app"), "/etc/logrotate.d/windlass-shop").splitlines()

    assert {"/var/log/shop/*.log {", "\tcopytruncate", "\tsu shop adm", "\tmaxsize 100M", "\trotate 14"} <= set(rules)


def test_under_systemd_there_is_one_unit_for_all_processes_and_no_pm2(tmp_path: Path) -> None:
    loaded = environment(tmp_path, ALONE.replace("hosts: app1", "hosts: app1\n    user: seller\n    supervisor: systemd"))
    wanted = steps(loaded, "app1", "app")
    unit = text(wanted, "/etc/systemd/system/windlass-shop@.service").splitlines()

    assert {"User=seller", "KillMode=mixed", "Restart=always", "StartLimitIntervalSec=0", "NoNewPrivileges=yes"} <= set(unit)
    assert not [line for line in unit if line.startswith("StandardOutput")], "systemd would open the log as root"
    assert not [each for each in wanted if isinstance(each, Service)]
