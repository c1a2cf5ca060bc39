"""What only the system's own ssh can log in with: a ticket of Kerberos, and a FIDO key in an authenticator that wants a touch.

The KDC is a lab host; nothing but ssh itself is needed on this side. The authenticator is a library that is compiled here.
"""

from __future__ import annotations

import base64
import dataclasses
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.lab.conftest import LabHosts, TestHost
from tests.lab.people import person
from windlass.errors import ConnectionFailed
from windlass.hosts.channel import Channel
from windlass.hosts.common.session import NotLetIn
from windlass.hosts.common.target import Target
from windlass.operations.command import Run
from windlass.operations.wire import Batch
from windlass.values import Secret

pytestmark = pytest.mark.lab

REALM = "LAB.TEST"
# Names are asked of nobody: the host is known by its address, also to the KDC.
KRB5_CONF = """\
[libdefaults]
  default_realm = {realm}
  dns_lookup_realm = false
  dns_lookup_kdc = false
  dns_canonicalize_hostname = false
  rdns = false
[realms]
  {realm} = {{
    kdc = {address}
  }}
"""
KDC = """
mkdir -p /etc/krb5kdc; cat /root/krb5.conf > /etc/krb5.conf
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends krb5-kdc krb5-admin-server krb5-user >/dev/null 2>&1
cat /root/krb5.conf > /etc/krb5.conf
kdb5_util create -s -r {realm} -P master >/dev/null
kadmin.local -q 'addprinc -pw ticket ada' >/dev/null
kadmin.local -q 'addprinc -randkey host/{address}' >/dev/null
kadmin.local -q 'ktadd host/{address}' >/dev/null
systemctl restart krb5-kdc
useradd --create-home --shell /bin/bash ada
echo 'ada ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/ada
printf 'GSSAPIAuthentication yes\\nGSSAPIStrictAcceptorCheck no\\n' > /etc/ssh/sshd_config.d/kerberos.conf
systemctl restart ssh
"""
TICKET = "echo ticket | kinit -c FILE:/root/ticket ada >/dev/null; base64 -w0 /root/ticket"
AUTHENTICATOR = Path(__file__).with_name("authenticator.c")
VERSIONS = ("0x000a0000", "0x000b0000")  # of what ssh asks of it; since OpenSSH 9.0, and later


@pytest.fixture(scope="module")
def host(lab_hosts: LabHosts) -> TestHost:
    return lab_hosts("credentials", ["one"])["one"]


def over_ssh(host: TestHost) -> Target:
    return dataclasses.replace(host.target, transport="openssh", warm_seconds=0)


CUT = "pkill -KILL -f '^sshd: .*@notty'; sleep 1"


def is_root_and_again_when_it_was_cut(target: Target) -> bool:
    """Whether one becomes root there, before the line is cut and after it has been taken up again."""
    channel = Channel(target)
    try:
        results = channel.run(Batch((Run(command="id -un"), Run(command=CUT), Run(command="id -un"))))
    finally:
        channel.close()
    return [results[index].data["output"] for index in (0, 2)] == ["root\n"] * 2


def accepted(host: TestHost, by: str) -> int:
    return int(host.shell(f"journalctl -u ssh --no-pager -q | grep -c 'Accepted {by}' || true"))


@pytest.fixture(scope="module")
def kerberos(host: TestHost, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the configuration of the realm, and ada's ticket."""
    if "gssapiauthentication yes" not in subprocess.run(["ssh", "-G", "any"], capture_output=True, text=True, check=False).stdout:
        pytest.skip("ssh of this machine does not log in by GSSAPI, or its ssh_config does not want that")
    folder = tmp_path_factory.mktemp("kerberos")
    configuration = KRB5_CONF.format(realm=REALM, address=host.target.address)
    (folder / "krb5.conf").write_text(configuration)
    host.shell(f"cat > /root/krb5.conf <<'END'\n{configuration}END\n{KDC.format(realm=REALM, address=host.target.address)}")
    (folder / "ticket").write_bytes(base64.b64decode(host.shell(TICKET)))
    (folder / "ticket").chmod(0o600)
    return folder


def test_a_ticket_of_kerberos_lets_in_and_lets_in_again(
    host: TestHost, kerberos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = dataclasses.replace(over_ssh(host), user="ada", private_key=None)
    monkeypatch.setenv("KRB5_CONFIG", str(kerberos / "krb5.conf"))
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{kerberos}/ticket")
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)

    done = is_root_and_again_when_it_was_cut(ada)
    logins = accepted(host, "gssapi-with-mic for ada")
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{tmp_path}/none")
    with pytest.raises(NotLetIn, match="does not let us in") as without:
        Channel(ada)

    assert done
    assert logins == 2
    assert "`klist`" in without.value.hint


@pytest.fixture
def authenticator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A FIDO key of an authenticator that ssh knows, as if ~/.ssh/config, which is not ours to write, said so."""
    if not (shutil.which("cc") and Path("/usr/include/openssl/ec.h").exists()):
        pytest.skip("there is nothing here to compile an authenticator with: apt-get install gcc libssl-dev")
    library, key, ssh = tmp_path / "authenticator.so", tmp_path / "key", tmp_path / "bin/ssh"
    ssh.parent.mkdir()
    ssh.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -o SecurityKeyProvider={library} "$@"\n')
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", str(ssh.parent), prepend=os.pathsep)
    monkeypatch.setenv("SSH_SK_PROVIDER", str(library))  # which ssh-keygen reads
    for version in VERSIONS:
        words = ["cc", "-shared", "-fPIC", f"-DAPI={version}", "-o", str(library), str(AUTHENTICATOR), "-lcrypto"]
        subprocess.run(words, check=True, capture_output=True)
        made = subprocess.run(
            ["ssh-keygen", "-q", "-t", "ecdsa-sk", "-N", "", "-f", str(key)], capture_output=True, text=True, check=False
        )
        if made.returncode == 0:
            return key
    raise AssertionError(made.stderr)


def test_a_fido_key_lets_in_and_lets_in_again(host: TestHost, authenticator: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host.shell(person("grace", Secret("the iris sleeps"), "grace ALL=(ALL) NOPASSWD: ALL"))
    public = authenticator.with_suffix(".pub").read_text().strip()
    host.shell(f"echo '{public}' > /home/grace/.ssh/authorized_keys")
    grace = dataclasses.replace(over_ssh(host), user="grace", private_key=authenticator)

    done = is_root_and_again_when_it_was_cut(grace)
    logins = accepted(host, "publickey for grace .*ECDSA-SK")
    authenticator.with_name("authenticator.so").unlink()  # as where it is not plugged in
    with pytest.raises(ConnectionFailed, match="does not let us in"):
        Channel(grace)

    assert done
    assert logins == 2
