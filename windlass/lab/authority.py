"""A real authority in the lab: Pebble, with a name server of its own, on one of the lab's hosts."""

from __future__ import annotations

import datetime as dt
import json
import shlex
from collections.abc import Callable, Mapping, Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

CONFIGURATION = {
    "pebble": {
        "listenAddress": "0.0.0.0:14000",
        "managementListenAddress": "0.0.0.0:15000",
        "certificate": "/etc/pebble/chain.pem",
        "privateKey": "/etc/pebble/key.pem",
        "httpPort": 80,
        "tlsPort": 443,
        "ocspResponderURL": "",
        "externalAccountBindingRequired": False,
    }
}
QUARTER = 90 * 86400
# What Python 3.13 and later miss in an authority that does not say it.
_MAY_SIGN = x509.KeyUsage(
    digital_signature=True,
    key_cert_sign=True,
    crl_sign=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)
# Debian 12's Pebble gives certificates of five years and says nothing of renewals (ARI). That of Debian 13 runs here as well.
START = """
mirror=$(grep -rhoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list.d | head -n 1)
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main" > /root/next.list
next="-o Dir::Etc::SourceList=/root/next.list -o Dir::Etc::SourceParts=- -o APT::Get::List-Cleanup=0"
apt-get update -qq $next
apt-get install -qqy $next pebble >/dev/null 2>&1
systemd-run --quiet --unit=names pebble-challtestsrv -http01 '' -https01 '' -tlsalpn01 '' -doh '' \\
    -dns01 127.0.0.1:8053 -defaultIPv4 '' -defaultIPv6 ''
systemd-run --quiet --unit=pebble --setenv=PEBBLE_VA_NOSLEEP=1 --setenv=PEBBLE_WFE_NONCEREJECT=10 \\
    pebble -config /etc/pebble/pebble.json -dnsserver 127.0.0.1:8053 -strict
until curl -sko /dev/null https://localhost:14000/dir && curl -so /dev/null localhost:8055; do sleep 0.1; done
"""


def certificate_for(name: str) -> tuple[str, str, str]:
    """An authority for one server alone: its certificate, and the server's certificate and key."""
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = _signed("lab authority", authority_key, authority_key, "lab authority", None)
    server = _signed(name, key, authority_key, "lab authority", name)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return authority, server, private


def _signed(subject: str, key: ec.EllipticCurvePrivateKey, by: ec.EllipticCurvePrivateKey, issuer: str, dns: str | None) -> str:
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=dns is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
    )
    if dns is None:
        builder = builder.add_extension(_MAY_SIGN, critical=True)
    else:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(dns), x509.DNSName("localhost")]), critical=False)
    return builder.sign(by, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def start(shell: Callable[[str], str], chain: str, key: str, names: Mapping[str, Sequence[str]], *, seconds: int = QUARTER) -> None:
    """Start Pebble with nonce rejections on, and lead each name to its addresses. Certificates are valid for so many seconds."""
    shell("mkdir -p /etc/pebble")
    configuration = {"pebble": CONFIGURATION["pebble"] | {"certificateValidityPeriod": seconds}}
    for file, text in (("chain.pem", chain), ("key.pem", key), ("pebble.json", json.dumps(configuration))):
        shell(f"printf %s {shlex.quote(text)} > /etc/pebble/{file}")
    shell(START)
    for name, addresses in names.items():
        body = json.dumps({"host": name, "addresses": list(addresses)})
        shell(f"curl -sf -d {shlex.quote(body)} localhost:8055/add-a")


def root(shell: Callable[[str], str]) -> str:
    """The root of what it issues (PEM), new with each start."""
    return shell("curl -skf https://localhost:15000/roots/0")


def orders(shell: Callable[[str], str]) -> int:
    """How many certificates were asked for so far."""
    return int(shell("journalctl -u pebble | grep -c 'Added order' || true"))
