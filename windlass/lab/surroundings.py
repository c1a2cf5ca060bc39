"""What hosts inherit from this machine, so that apt, npm and PyPI work inside just as they do outside."""

from __future__ import annotations

import ipaddress
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from windlass.errors import LabError

RELEASE = "bookworm"
CERTIFICATES = Path("/usr/local/share/ca-certificates")
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
RESOLVERS = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))
_PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy")
_TRUST = ("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE")
_APT_KEYS = ("Acquire::http::", "Acquire::https::", "Acquire::Check-", "Acquire::ForceIP", "Acquire::Retries")
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_LINE = re.compile(r"^deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>.+)$")


@dataclass(frozen=True, slots=True)
class Source:
    """One place of Debian packages, as apt's deb822 format has it."""

    uris: str
    suites: str
    components: str
    keyring: str = _KEYRING

    def __str__(self) -> str:
        signed = f"Signed-By: {self.keyring}\n" if self.keyring else ""
        return f"Types: deb\nURIs: {self.uris}\nSuites: {self.suites}\nComponents: {self.components}\n{signed}"


def apt_sources(etc: Path = Path("/etc")) -> str:
    """This machine's Debian sources for the hosts' release, in deb822; empty when it has none (not a Debian machine)."""
    own = _own_release((etc / "os-release").read_text() if (etc / "os-release").exists() else "")
    files = [etc / "apt/sources.list", *sorted((etc / "apt/sources.list.d").glob("*.*"))]
    found = [source for path in files if path.exists() for source in _sources(path, own)]
    return "\n".join(dict.fromkeys(str(source) for source in found)) if own else ""


def _own_release(text: str) -> str:
    values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return values.get("VERSION_CODENAME", "").strip('"') if values.get("ID") == "debian" else ""


def _sources(path: Path, own: str) -> Iterator[Source]:
    if path.suffix == ".sources":
        yield from _paragraphs(path.read_text(), own)
    elif path.suffix == ".list":
        yield from _lines(path.read_text(), own)


def _paragraphs(text: str, own: str) -> Iterator[Source]:
    for paragraph in re.split(r"\n\s*\n", text):
        lines = [line for line in paragraph.splitlines() if ":" in line and not line.startswith("#")]
        fields = {key.strip().lower(): value.strip() for key, value in (line.split(":", 1) for line in lines)}
        suites = _translated(fields.get("suites", "").split(), own)
        wanted = "deb" in fields.get("types", "").split() and fields.get("enabled", "yes") != "no"
        if wanted and suites and "main" in fields.get("components", "").split():
            yield Source(fields["uris"], suites, fields["components"])


def _lines(text: str, own: str) -> Iterator[Source]:
    for line in text.splitlines():
        match = _LINE.match(line.split("#")[0].strip())
        if not match or "main" not in match["components"].split():
            continue
        if suites := _translated([match["suite"]], own):
            yield Source(match["uri"], suites, match["components"].strip())


def _translated(suites: Iterable[str], own: str) -> str:
    """Only the release proper, its updates and its security fixes, under the name of the hosts' release."""
    ours = {own: RELEASE, f"{own}-updates": f"{RELEASE}-updates", f"{own}-security": f"{RELEASE}-security"}
    return " ".join(ours[suite] for suite in suites if suite in ours)


def apt_configuration() -> str:
    """How this machine's apt reaches its sources: proxies, retries, clock checks. Passwords are not among it."""
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False).stdout
    kept = [line for line in dump.splitlines() if line.startswith(_APT_KEYS) and "auto-detect" not in line.lower()]
    return "".join(f"{line}\n" for line in kept)


def certificates() -> list[Path]:
    """The certificate authorities that this machine trusts beyond Debian's."""
    return sorted(CERTIFICATES.rglob("*.crt"))


def resolvers(places: tuple[Path, ...] = RESOLVERS) -> str:
    """A resolv.conf whose servers a host can reach: neither on loopback (then those behind it) nor only by IPv6."""
    for path in places:
        text = path.read_text() if path.exists() else ""
        kept = [line for line in text.splitlines() if not line.startswith("#") and not _out_of_reach(line)]
        if any(line.startswith("nameserver") for line in kept):
            return "".join(f"{line}\n" for line in kept)
    return ""


def _out_of_reach(line: str) -> bool:
    words = line.split()
    if len(words) != 2 or words[0] != "nameserver":
        return False
    address = ipaddress.ip_address(words[1].split("%")[0])
    return address.is_loopback or address.version == 6


def environment(lab_subnet: str, names: Iterable[str], npm_registry: str) -> dict[str, str]:
    """What goes to the hosts' /etc/environment: proxies, an index of Python packages, trust in a custom authority."""
    values = {name: os.environ[name] for name in _PROXIES if os.environ.get(name)}
    values |= {name.upper(): os.environ[name.upper()] for name in _PROXIES if os.environ.get(name.upper())}
    if values:
        besides = os.environ.get("no_proxy") or os.environ.get("NO_PROXY", "")
        direct = ",".join(dict.fromkeys([*filter(None, besides.split(",")), "localhost", "127.0.0.1", lab_subnet, *names]))
        values |= {"no_proxy": direct, "NO_PROXY": direct}
    if os.environ.get("PIP_INDEX_URL"):
        values["PIP_INDEX_URL"] = os.environ["PIP_INDEX_URL"]
    if npm_registry:
        values["npm_config_registry"] = npm_registry
    if certificates():
        values |= dict.fromkeys(_TRUST, BUNDLE)
    return values


@cache
def npm_registry() -> tuple[str, bool]:
    """The registry that this machine's npm asks, and whether that is npm's own default; ("", True) without an npm."""
    beside = Path(sys.executable).with_name("npm")
    npm = str(beside) if beside.exists() else "npm"
    plain = {key: value for key, value in os.environ.items() if key.lower() != "npm_config_registry"}
    plain |= {"npm_config_userconfig": "/nonexistent/user", "npm_config_globalconfig": "/nonexistent/global"}
    with ThreadPoolExecutor(2) as pool:
        asked, default = pool.map(lambda environ: _ask_npm(npm, environ), [dict(os.environ), plain])
    return asked, asked == default


def _ask_npm(npm: str, environ: dict[str, str]) -> str:
    command = [npm, "config", "get", "registry"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environ, cwd="/", timeout=30, check=False)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def refuse_deaf_machine() -> None:
    """Raises LabError when hosts would have nobody to ask for names."""
    if not resolvers():
        raise LabError(
            "lab hosts cannot reach any name server of this machine: all are on loopback or need IPv6",
            hint="put a `nameserver` line with an IPv4 address into /etc/resolv.conf",
        )
