"""Where nginx finds the slots of an application that listens at ports."""

from __future__ import annotations

from pathlib import Path

import pytest

from windlass.flows.deployment.ports import made_known
from windlass.flows.workspace import open_workspace
from windlass.inventory import Application
from windlass.operations.file import File
from windlass.operations.nginx import NginxReload

INVENTORY = """
hosts: {app1: {address: 192.0.2.21}}
applications:
  shop:
    hosts: app1
    source: {path: code}
    processes:
      web: {command: serve, listen: port, ports: {blue: 4001, green: 4011}, instances: 2}
      mail: {command: mail}
    site: {port: 80}
"""


def shop(folder: Path, text: str = INVENTORY) -> Application:
    (folder / "inventories" / "staging").mkdir(parents=True, exist_ok=True)
    (folder / "code").mkdir(exist_ok=True)
    (folder / "inventories" / "staging" / "all.yml").write_text(text)
    return open_workspace(folder, "staging").environment.application("shop")


def test_a_slot_s_servers_are_loaded_when_they_change_and_those_of_the_other_are_there_before_its_first_release(
    tmp_path: Path,
) -> None:
    known = made_known(shop(tmp_path), "blue")

    blue, green = [each for each in known if isinstance(each, File)]
    comment = "# Written by Windlass: the servers of this slot.\n"
    servers = "server 127.0.0.1:{} max_fails=0;\nserver 127.0.0.1:{} max_fails=0;\n"
    assert (blue.path, blue.content, blue.once) == (
        "/srv/shop/slots/blue/upstream.conf",
        comment + servers.format(4001, 4002),
        False,
    )
    assert (green.path, green.content, green.once) == (
        "/srv/shop/slots/green/upstream.conf",
        comment + servers.format(4011, 4012),
        True,
    )
    assert known[-1] == NginxReload(run_on=(blue, green))


@pytest.mark.parametrize(
    ("old", "new"),
    [("listen: port, ports: {blue: 4001, green: 4011}", "listen: socket"), ("    site: {port: 80}\n", "")],
    ids=["sockets are found by their path", "without a site nginx is not asked"],
)
def test_otherwise_nginx_need_not_know_anything(tmp_path: Path, old: str, new: str) -> None:
    assert made_known(shop(tmp_path, INVENTORY.replace(old, new)), "blue") == ()
