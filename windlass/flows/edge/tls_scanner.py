"""sslyze, as a program: put into a place of its own on this machine, run against one listener, its answer read.

It is under the AGPL; nothing of it is imported here, see docs/decisions/0011-the-grader-is-a-program.md.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from windlass.errors import CertificateError, WindlassError
from windlass.plans.certificates import HTTPS
from windlass.plans.grade import PROTOCOLS, Handshakes, Leaf, Suite, Weakness

LIMIT = 120.0  # seconds for one listener; it takes about one
INSTALL_LIMIT = 600.0
REACHABLE = "it needs Python's venv (Debian: python3-venv) and a package index that pip can reach"
TRUSTED_BY = ("Mozilla", "Supplied CA file")


def program(requirements: str) -> Path:
    """The Python that has sslyze: installed at its first use, a folder for each set of versions. Raises WindlassError."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "windlass" / "programs"
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / f"sslyze-{hashlib.sha256(requirements.encode()).hexdigest()[:12]}"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "whole").exists():
            _install(folder, requirements)
    return folder / "bin" / "python"


def _install(folder: Path, requirements: str) -> None:
    """`whole` comes last: a folder without it is what an installation that broke off left."""
    shutil.rmtree(folder, ignore_errors=True)
    _run(sys.executable, "-m", "venv", str(folder))
    (folder / "requirements.txt").write_text(requirements, encoding="utf-8")
    pip = (str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input")
    _run(*pip, "--requirement", str(folder / "requirements.txt"))
    (folder / "whole").touch()


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_LIMIT, check=False)
    except subprocess.TimeoutExpired:
        raise WindlassError(
            f"sslyze could not be installed within {INSTALL_LIMIT:.0f} s", tried=" ".join(command), hint=REACHABLE
        ) from None
    if done.returncode:
        raise WindlassError(
            "sslyze, which looks at what a listener agrees to, cannot be installed on this machine",
            tried=" ".join(command),
            last_lines=(done.stdout + done.stderr).splitlines()[-8:],
            hint=REACHABLE,
        )


def handshakes(python: Path, recommended: str, authority: str, address: str, name: str) -> Handshakes:
    """Try every protocol and cipher at an address by a name.

    recommended  the recommendation to compare with, as sslyze reads it
    authority    certificates (PEM) that are trusted besides Mozilla's

    Raises CertificateError where no handshake is possible at all.
    """
    place = f"[{address}]" if ":" in address else address
    with tempfile.TemporaryDirectory(prefix="windlass-grade-") as text:
        folder = Path(text)
        (folder / "recommended.json").write_text(recommended, encoding="utf-8")
        options = ["--custom_tls_config", "recommended.json", "--json_out", "found.json"]
        if authority:
            (folder / "authority.pem").write_text(authority, encoding="utf-8")
            options += ["--certinfo_ca_file", "authority.pem"]
        command = [str(python), "-I", "-W", "ignore", "-m", "sslyze", *options, f"{name}:{HTTPS}{{{place}}}"]
        where = f"{name} at {address}"
        try:
            return _scanned(command, folder, where)
        except CertificateError:  # a small or busy server may drop some of many connections at once
            return _scanned([*command, "--slow_connection"], folder, where)


def _scanned(command: Sequence[str], folder: Path, where: str) -> Handshakes:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=LIMIT, check=False)
        found = json.loads((folder / "found.json").read_text(encoding="utf-8"))
    except (subprocess.TimeoutExpired, OSError, ValueError) as error:
        raise CertificateError(f"{where}: sslyze gave no answer: {error}", hint="run it again") from error
    return read(found, done.stdout, where)


def read(document: Mapping[str, Any], words: str, where: str) -> Handshakes:
    """What sslyze's JSON says, and its words where a listener is not as recommended. Raises CertificateError."""
    (found,) = document["server_scan_results"] or [{}]
    if not found or found.get("connectivity_status") != "COMPLETED":
        last = str(found.get("connectivity_error_trace") or "").strip().splitlines()[-1:]
        raise CertificateError(f"{where}: no handshake is possible", last_lines=last, hint="invoke tls.status says what it serves")
    results = {name: attempt["result"] for name, attempt in found["scan_result"].items() if attempt["status"] == "COMPLETED"}
    missing = sorted(name for name, attempt in found["scan_result"].items() if attempt["status"] == "ERROR")
    if missing:
        raise CertificateError(
            f"{where}: sslyze could not try {', '.join(missing)}", hint="run it again: a busy server may have hung up"
        )
    spoken = {
        protocol: results[_field(protocol)] for protocol in PROTOCOLS if results[_field(protocol)]["is_tls_version_supported"]
    }
    accepted = [(protocol, suite) for protocol, result in spoken.items() for suite in result["accepted_cipher_suites"]]
    return Handshakes(
        protocols=tuple(spoken),
        suites=tuple(_suite(protocol, each["cipher_suite"]) for protocol, each in accepted),
        leaf=_leaf(results["certificate_info"]["certificate_deployments"]),
        exchange_bits=_exchanges([each["ephemeral_key"] for _protocol, each in accepted if each["ephemeral_key"]]),
        weaknesses=tuple(_weaknesses(results)),
        deviations=tuple(_deviations(words)),
    )


def _field(protocol: str) -> str:
    return f"{protocol.lower().replace(' ', '_').replace('.', '_')}_cipher_suites"


def _suite(protocol: str, suite: Mapping[str, Any]) -> Suite:
    return Suite(protocol, suite["name"], 0 if "_NULL_" in suite["name"] else suite["key_size"], suite["is_anonymous"])


def _exchanges(keys: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """The smallest of each kind."""
    found: dict[str, int] = {}
    for key in keys:
        kind = "EC" if key["type_name"] == "ECDH" else "DH"
        found[kind] = min(found.get(kind, key["size"]), key["size"])
    return found


def _leaf(deployments: Sequence[Mapping[str, Any]]) -> Leaf:
    """Where a listener has certificates of several kinds, the one that comes first; a worse one shows in what is not trusted."""
    chosen = next((each for each in deployments if not _trusted(each)), deployments[0])
    leaf, last = chosen["received_certificate_chain"][0], chosen["received_certificate_chain"][-1]
    trusted = _trusted(chosen)
    names = leaf["subject_alternative_name"]["dns_names"]
    key = leaf["public_key"]
    kinds = {"ECPublicKey": "EC", "RSAPublicKey": "RSA", "Ed25519PublicKey": "Ed", "Ed448PublicKey": "Ed"}
    return Leaf(
        names=tuple(names),
        begins=datetime.fromisoformat(leaf["not_valid_before"]),
        ends=datetime.fromisoformat(leaf["not_valid_after"]),
        key=kinds.get(key["algorithm"], key["algorithm"]),
        bits=key["key_size"] or 0,
        digest=(leaf["signature_hash_algorithm"] or {"name": ""})["name"],
        fingerprint=base64.b64decode(leaf["fingerprint_sha256"]).hex(),
        trusted=trusted,
        ordered=chosen["received_chain_has_valid_order"] is not False,
        why="" if trusted else f"it ends with what {last['issuer']['rfc4514_string']} has signed, which is neither sent nor known",
    )


def _trusted(deployment: Mapping[str, Any]) -> bool:
    return any(
        each["was_validation_successful"]
        for each in deployment["path_validation_results"]
        if each["trust_store"]["name"] in TRUSTED_BY
    )


def _weaknesses(results: Mapping[str, Any]) -> Iterator[Weakness]:
    if results["heartbleed"]["is_vulnerable_to_heartbleed"]:
        yield "heartbleed"
    if results["openssl_ccs_injection"]["is_vulnerable_to_ccs_injection"]:
        yield "ccs"
    if results["robot"]["robot_result"].startswith("VULNERABLE"):
        yield "robot"
    if not results["session_renegotiation"]["supports_secure_renegotiation"]:
        yield "renegotiation"
    if results["tls_compression"]["supports_compression"]:
        yield "compression"
    if not results["tls_fallback_scsv"]["supports_fallback_scsv"]:
        yield "downgrade"


def _deviations(words: str) -> Iterator[str]:
    """Its lines `* what: why`, in the last part; whether the chain is trusted is told better elsewhere."""
    _, _, compared = words.partition("COMPLIANCE AGAINST TLS CONFIGURATION")
    for line in compared.splitlines():
        what, _, why = line.strip().removeprefix("* ").partition(": ")
        if line.strip().startswith("* ") and what != "certificate_path_validation":
            yield why.rstrip(".")
    if "ERROR - Scan did not run successfully" in compared:
        yield "it could not be compared with it"
