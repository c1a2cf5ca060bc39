"""What is true of the certificates: what is on each host's disk, what each listener serves, and until when."""

from __future__ import annotations

import hashlib
import socket
import ssl
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from windlass.errors import HostError
from windlass.operations.command import Run
from windlass.operations.wire import Batch
from windlass.plans.certificates import HTTPS, Certificate, late
from windlass.values import Command

if TYPE_CHECKING:
    from windlass.hosts.many.fleet import Fleet

LIMIT = 5.0  # seconds for a handshake


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A certificate on a disk. `fingerprint` is the SHA-256 of the leaf."""

    fingerprint: str
    domains: tuple[str, ...]
    issuer: str
    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One site on one host. `served` says for each name the fingerprint that came, or `no answer: ` and why."""

    certificate: str
    host: str
    address: str
    installed: Installed | None
    served: Mapping[str, str]
    problem: str = ""

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        installed = self.installed
        return {
            "host": self.host,
            "address": self.address,
            "fingerprint": installed.fingerprint if installed else "",
            "issuer": installed.issuer if installed else "",
            "ends": installed.ends.isoformat() if installed else "",
            "served": dict(self.served),
            "problem": self.problem,
        }


def states(fleet: Fleet, wanted: Sequence[Certificate]) -> tuple[State, ...]:
    """Look at every host and ask every listener by every name. A host that cannot be asked has that as its problem."""
    disks = {each.name: on_disk(fleet, each) for each in wanted}
    pairs = [(each, host) for each in wanted for host in each.hosts]
    with ThreadPoolExecutor(max(1, min(16, len(pairs)))) as pool:
        served = pool.map(lambda pair: {name: served_at(pair[1].address, name) for name in pair[0].domains}, pairs)
    now = datetime.now(UTC)
    found = []
    for (each, host), answers in zip(pairs, served, strict=True):
        disk = disks[each.name][host.name]
        first = disks[each.name][each.issuer.name]
        problem = disk.message if isinstance(disk, HostError) else problem_of(each, disk, first, answers, now)
        installed = None if isinstance(disk, HostError) else disk
        found.append(
            State(certificate=each.name, host=host.name, address=host.address, installed=installed, served=answers, problem=problem)
        )
    return tuple(found)


def on_disk(fleet: Fleet, wanted: Certificate) -> dict[str, Installed | HostError | None]:
    """What nginx is configured to serve on each host; None where there is no certificate yet."""
    look = Run(
        command=Command.of("cat", f"{wanted.live}/fullchain.pem"),
        name=f"the certificate {wanted.name}",
        only_if=Command.of("test", "-e", f"{wanted.live}/fullchain.pem"),
        changed=False,
    )
    outcomes = fleet.run({host.name: Batch((look,)) for host in wanted.hosts})
    return {
        host: outcome if isinstance(outcome, HostError) else installed(outcome[0].data.get("output", ""))
        for host, outcome in outcomes.items()
    }


def installed(chain: str) -> Installed | None:
    """The first certificate of a chain (PEM); None for an empty text."""
    from cryptography import x509  # noqa: PLC0415 - loaded only where certificates are looked at
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

    if not chain:
        return None
    leaf = x509.load_pem_x509_certificates(chain.encode())[0]
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return Installed(
        fingerprint=hashlib.sha256(leaf.public_bytes(Encoding.DER)).hexdigest(),
        domains=tuple(names.get_values_for_type(x509.DNSName)),
        issuer=leaf.issuer.rfc4514_string(),
        begins=leaf.not_valid_before_utc,
        ends=leaf.not_valid_after_utc,
    )


def served_at(address: str, name: str | None, port: int = HTTPS) -> str:
    """The fingerprint of what a listener serves by a name (None: by none), whoever signed it; or why none, after `no answer: `."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # what is served is compared with the disk, not believed
    try:
        with (
            socket.create_connection((address, port), timeout=LIMIT) as plain,
            context.wrap_socket(plain, server_hostname=name) as stream,
        ):
            return hashlib.sha256(stream.getpeercert(binary_form=True) or b"").hexdigest()
    except OSError as error:
        return f"no answer: {error}"


def problem_of(
    wanted: Certificate, disk: Installed | None, first: Installed | HostError | None, served: Mapping[str, str], now: datetime
) -> str:
    """The first thing that is wrong with a site on a host; empty if nothing is. `first` is what the host has that renews."""
    if disk is None:
        return "there is no certificate yet: invoke tls.issue"
    if isinstance(first, Installed) and first.fingerprint != disk.fingerprint:
        return f"it has another certificate than {wanted.issuer.name}: invoke tls.renew"
    missing = [name for name in wanted.domains if name not in disk.domains]
    if missing:
        return f"it is for {', '.join(disk.domains) or 'no name'}, and not for {', '.join(missing)}: invoke tls.issue"
    for name, answer in served.items():
        if answer != disk.fingerprint:
            return f"{name}: {answer}" if answer.startswith("no answer") else f"{name} serves another certificate than is on disk"
    if late(disk.begins, disk.ends, now):
        return f"it should have been renewed by now; it ends {disk.ends:%Y-%m-%d %H:%M} UTC"
    return ""
