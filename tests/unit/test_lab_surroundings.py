"""What hosts inherit: only Debian's own sources, the proxies, and the names that must not go through them."""

from __future__ import annotations

from pathlib import Path

import pytest

from windlass.lab import surroundings
from windlass.lab.surroundings import apt_sources, environment, resolvers

DEB822 = """\
# a comment
Types: deb deb-src
URIs: http://mirror.example.org/debian
Suites: bookworm bookworm-updates bookworm-backports
Components: main contrib
Signed-By: /somewhere/only/this/machine/has.gpg

Types: deb
URIs: http://mirror.example.org/vendor
Suites: nodistro
Components: main

Types: deb
URIs: http://mirror.example.org/security
Suites: bookworm-security
Components: main
Enabled: no
"""
ONE_LINE = """\
deb [arch=amd64 signed-by=/some/key.gpg] http://mirror.example.org/security bookworm-security main  # fixes
deb-src http://mirror.example.org/debian bookworm main
deb http://mirror.example.org/vendor bookworm vendor
"""


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    (tmp_path / "apt/sources.list.d").mkdir(parents=True)
    (tmp_path / "os-release").write_text('ID=debian\nVERSION_CODENAME="bookworm"\n')
    (tmp_path / "apt/sources.list").write_text(ONE_LINE)
    (tmp_path / "apt/sources.list.d/debian.sources").write_text(DEB822)
    (tmp_path / "apt/sources.list.d/old.sources.disabled").write_text(DEB822.replace("mirror", "disabled"))
    return tmp_path


def test_only_the_release_its_updates_and_its_security_are_inherited(etc: Path) -> None:
    keyring = "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"

    assert apt_sources(etc) == (
        f"Types: deb\nURIs: http://mirror.example.org/security\nSuites: bookworm-security\nComponents: main\n{keyring}"
        "\nTypes: deb\nURIs: http://mirror.example.org/debian\nSuites: bookworm bookworm-updates\n"
        f"Components: main contrib\n{keyring}"
    )


def test_a_machine_of_another_debian_release_lends_its_mirrors(etc: Path) -> None:
    (etc / "os-release").write_text("ID=debian\nVERSION_CODENAME=trixie\n")
    (etc / "apt/sources.list").write_text("deb http://mirror.example.org/debian trixie main\n")

    assert "URIs: http://mirror.example.org/debian\nSuites: bookworm\n" in apt_sources(etc)


def test_a_machine_that_is_no_debian_lends_none(etc: Path) -> None:
    (etc / "os-release").write_text("ID=ubuntu\nVERSION_CODENAME=bookworm\n")

    assert apt_sources(etc) == ""


def test_name_servers_out_of_reach_are_replaced_by_those_behind_them(tmp_path: Path) -> None:
    stub, behind = tmp_path / "stub", tmp_path / "behind"
    stub.write_text("# managed\nnameserver 127.0.0.53\noptions edns0\n")
    behind.write_text("nameserver ::1\nnameserver 2001:db8::53\nnameserver 192.0.2.53\nsearch example.org\n")

    assert resolvers((behind,)) == "nameserver 192.0.2.53\nsearch example.org\n"
    assert resolvers((stub, behind)) == resolvers((behind,))
    assert resolvers((stub, tmp_path / "none")) == ""


@pytest.fixture
def _plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy", "pip_index_url"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(surroundings, "CERTIFICATES", tmp_path)


@pytest.mark.usefixtures("_plain")
def test_a_plain_machine_hands_nothing_down() -> None:
    assert environment("198.51.100.0/24", ["app1"], "") == {}


@pytest.mark.usefixtures("_plain")
def test_a_proxy_is_handed_down_but_not_for_the_lab_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://203.0.113.8:3128")
    monkeypatch.setenv("no_proxy", "intern.example.org,localhost")

    values = environment("198.51.100.0/24", ["app1", "db1"], "https://npm.example.org/")

    direct = "intern.example.org,localhost,127.0.0.1,198.51.100.0/24,app1,db1"
    assert values == {
        "https_proxy": "http://203.0.113.8:3128",
        "no_proxy": direct,
        "NO_PROXY": direct,
        "npm_config_registry": "https://npm.example.org/",
    }


@pytest.mark.usefixtures("_plain")
def test_a_custom_authority_is_trusted_by_node_and_python_too(tmp_path: Path) -> None:
    (tmp_path / "company.crt").write_text("")

    values = environment("198.51.100.0/24", [], "")

    assert set(values.values()) == {"/etc/ssl/certs/ca-certificates.crt"}
    assert {"NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "PIP_CERT"} <= set(values)
