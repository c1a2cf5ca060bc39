"""The grade of an https listener: SSL Labs' rating guide (version 2009), with HSTS asked of every answer and not of one.

Categories are scored from 0 to 100 and weighted: protocol 30, key exchange 30, cipher 40. Faults cap the letter; what browsers
would not accept is T or M whatever the score. A+ is an A about which nothing at all is to be said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

HSTS_LEAST = 15_768_000  # seconds: half a year, the guide's condition for A+
LETTERS = ("A+", "A", "A-", "B", "C", "D", "E", "F", "T", "M")
SCORES = ((80, "A"), (65, "B"), (50, "C"), (35, "D"), (20, "E"), (0, "F"))
PROTOCOLS: Mapping[str, int] = {"SSL 2.0": 0, "SSL 3.0": 80, "TLS 1.0": 90, "TLS 1.1": 95, "TLS 1.2": 100, "TLS 1.3": 100}
# What an answer has to be got for each of these, or it is said that it was not.
EXPECTED: Mapping[str, tuple[int, ...]] = {
    "200": (200,),
    "301": (301, 302, 303, 307, 308),
    "403": (403,),
    "404": (404,),
    "500": (500,),
}
Weakness = Literal["heartbleed", "ccs", "robot", "renegotiation", "compression", "downgrade"]
CAPPED: Mapping[Weakness, tuple[str, str]] = {
    "heartbleed": ("F", "Heartbleed: its memory can be read"),
    "ccs": ("F", "OpenSSL's CCS injection"),
    "robot": ("F", "ROBOT: it decrypts for others"),
    "renegotiation": ("F", "insecure renegotiation"),
    "compression": ("C", "it compresses (CRIME)"),
}


@dataclass(frozen=True, slots=True)
class Suite:
    """A cipher suite that was accepted, by its IANA name."""

    protocol: str
    name: str
    bits: int
    anonymous: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """The certificate that was served first, and whether what came with it leads to an authority.

    key      `EC`, `RSA` or another kind, and its size in bits
    digest   what it is signed with, such as sha256
    trusted  the chain, as it was sent, leads to a known authority; otherwise `why` it does not
    """

    names: tuple[str, ...]
    begins: datetime
    ends: datetime
    key: str
    bits: int
    digest: str
    fingerprint: str
    trusted: bool
    ordered: bool = True
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshakes:
    """What a listener agrees to. `exchange_bits` is the smallest key exchange of each kind, `EC` or `DH`; `deviations` are words
    of the scanner about where it leaves the recommendation."""

    protocols: tuple[str, ...]
    suites: tuple[Suite, ...]
    leaf: Leaf
    exchange_bits: Mapping[str, int]
    weaknesses: tuple[Weakness, ...] = ()
    deviations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer by https: what was asked for, the status (0: none came), and each Strict-Transport-Security in it."""

    asked: str
    status: int
    hsts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """All that was seen of one listener by one name.

    unknown   what came for a name that no site has, and `unnamed` for none: a fingerprint, or nothing if it was refused
    redirect  status and target of the answer by http to `redirected`, a page
    on_disk   the fingerprint of the certificate on the host's disk; None where the host could not be asked
    """

    name: str
    handshakes: Handshakes
    answers: tuple[Answer, ...]
    unknown: str = ""
    unnamed: str = ""
    redirected: str = "/"
    redirect: tuple[int, str] = (0, "")
    on_disk: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """A letter and why it is no better one. `not_provoked`: the kinds of answers that nothing was seen of."""

    letter: str
    score: int
    reasons: tuple[str, ...] = ()
    not_provoked: tuple[str, ...] = ()

    def at_least(self, letter: str) -> bool:
        """Whether it is as good as this one."""
        return LETTERS.index(self.letter) <= LETTERS.index(letter)


def grade(seen: Measured, now: datetime) -> Grade:
    """The letter of a listener: the worst of what its score gives and what its faults allow."""
    score = _score(seen.handshakes)
    caps = [*_refused(seen, now), *_caps(seen.handshakes)]
    letter = next(letter for least, letter in SCORES if score >= least)
    for cap, _why in caps:
        letter = max(letter, cap, key=LETTERS.index)
    notes = tuple(_notes(seen))
    if letter == "A" and not notes:
        letter = "A+"
    reasons = (*(f"{cap}: {why}" for cap, why in caps), *notes)
    if not caps and letter not in ("A+", "A"):
        reasons = (f"{letter}: its score is {score}", *reasons)
    return Grade(letter=letter, score=score, reasons=reasons, not_provoked=_not_provoked(seen.answers))


def _score(seen: Handshakes) -> int:
    """Nought in one category is nought in all."""
    protocols = [PROTOCOLS[each] for each in seen.protocols] or [0]
    ciphers = [_cipher(each) for each in seen.suites] or [0]
    parts = ((max(protocols) + min(protocols)) / 2, _exchange(seen), (max(ciphers) + min(ciphers)) / 2)
    if min(parts) == 0 or min(ciphers) == 0 or min(protocols) == 0:
        return 0
    return round(0.3 * parts[0] + 0.3 * parts[1] + 0.4 * parts[2])


def _cipher(suite: Suite) -> int:
    return _step(suite.bits, ((256, 100), (128, 80), (1, 20), (0, 0)))


def _exchange(seen: Handshakes) -> int:
    """The weakest of the key and what is exchanged, as if all were RSA."""
    strengths = [_as_rsa(seen.leaf.key, seen.leaf.bits), *(_as_rsa(kind, bits) for kind, bits in seen.exchange_bits.items())]
    return _step(min(strengths), ((4096, 100), (2048, 90), (1024, 80), (512, 40), (1, 20), (0, 0)))


def _as_rsa(kind: str, bits: int) -> int:
    """NIST SP 800-57, table 2. OpenSSL gives 253 bits for X25519."""
    if kind not in ("EC", "Ed"):
        return bits
    return _step(bits, ((512, 15360), (384, 7680), (250, 3072), (224, 2048), (160, 1024), (0, 512)))


def _step(value: int, steps: Sequence[tuple[int, int]]) -> int:
    return next((result for least, result in steps if value >= least), 0)


def _refused(seen: Measured, now: datetime) -> Iterator[tuple[str, str]]:
    leaf = seen.handshakes.leaf
    if not leaf.begins <= now <= leaf.ends:
        yield "T", f"the certificate is valid from {leaf.begins:%Y-%m-%d %H:%M} to {leaf.ends:%Y-%m-%d %H:%M} UTC, and not now"
    elif not leaf.trusted:
        yield "T", f"the chain that is sent leads to no authority that is trusted{': ' if leaf.why else ''}{leaf.why}"
    if leaf.digest in ("md5", "sha1"):
        yield "T", f"the certificate is signed with {leaf.digest}"
    if not any(_fits(seen.name, each) for each in leaf.names):
        yield "M", f"the certificate is for {', '.join(leaf.names) or 'no name'}"


def _fits(name: str, pattern: str) -> bool:
    """A star stands for one label."""
    if pattern.startswith("*."):
        return name.partition(".")[2].lower() == pattern[2:].lower()
    return name.lower() == pattern.lower()


def _caps(seen: Handshakes) -> Iterator[tuple[str, str]]:
    yield from (CAPPED[each] for each in seen.weaknesses if each in CAPPED)
    yield from _of_protocols(seen.protocols)
    yield from _of_suites(seen.suites)
    for what, bits in (("key", _as_rsa(seen.leaf.key, seen.leaf.bits)), ("key exchange", seen.exchange_bits.get("DH", 2048))):
        if bits < 2048:
            yield "F" if bits < 1024 else "B", f"its {what} is as weak as {bits} bits of RSA"


def _of_protocols(protocols: Sequence[str]) -> Iterator[tuple[str, str]]:
    old = [each for each in ("SSL 3.0", "TLS 1.0", "TLS 1.1") if each in protocols]
    if "SSL 2.0" in protocols:
        yield "F", "it speaks SSL 2.0"
    if old:
        yield "B", f"it speaks {', '.join(old)}"
    if not {"TLS 1.2", "TLS 1.3"} & set(protocols):
        yield "C", "it speaks neither TLS 1.2 nor 1.3"
    elif "TLS 1.3" not in protocols:
        yield "A-", "it does not speak TLS 1.3"


def _of_suites(suites: Sequence[Suite]) -> Iterator[tuple[str, str]]:
    for cap, why, found in (
        ("F", "without authentication", [each for each in suites if each.anonymous]),
        ("F", "made for export", [each for each in suites if "EXPORT" in each.name]),
        ("C", "with blocks of 64 bits", [each for each in suites if re.search(r"_(3?DES|IDEA|RC2)_", each.name)]),
        ("C", "with RC4", [each for each in suites if "RC4" in each.name]),
    ):
        if found:
            yield cap, f"it accepts ciphers {why}: {found[0].name}"
    if not any(_is_forward_secret(each) for each in suites):
        yield "B", "no cipher is forward secret"
    if not any(re.search(r"_(GCM|CCM|CHACHA20)", each.name) for each in suites):
        yield "B", "no cipher is authenticated (AEAD)"


def _is_forward_secret(suite: Suite) -> bool:
    return suite.protocol == "TLS 1.3" or "_ECDHE_" in suite.name or "_DHE_" in suite.name


def _notes(seen: Measured) -> Iterator[str]:
    """What does not change a letter, but is not worth an A+."""
    yield from _of_hsts(seen.answers)
    if "downgrade" in seen.handshakes.weaknesses:
        yield "it can be talked into an older protocol (no TLS_FALLBACK_SCSV)"
    if not seen.handshakes.leaf.ordered:
        yield "the certificates of its chain are not in order"
    yield from (f"not as Mozilla's intermediate recommendation: {each}" for each in seen.handshakes.deviations)
    for what, got in (("for a name that no site has", seen.unknown), ("without a name", seen.unnamed)):
        if got:
            yield f"{what} it gives a certificate ({got[:16]}), and should give none"
    if seen.on_disk not in (None, seen.handshakes.leaf.fingerprint):
        yield "it serves another certificate than is on the host's disk"
    yield from _of_redirect(seen)


def _of_hsts(answers: Sequence[Answer]) -> Iterator[str]:
    """Each answer without it is a way to send the next request by http, so each is named."""
    came = [each for each in answers if each.status]
    if not came:
        yield "no answer came by https"
    elif not any(each.hsts for each in came):
        yield "no answer has Strict-Transport-Security"
    else:
        for each in came:
            wrong = _wrong_hsts(each.hsts)
            if wrong:
                yield f"the {each.status} for {each.asked} has {wrong}"


def _wrong_hsts(values: Sequence[str]) -> str:
    """Browsers go by the first one (RFC 6797, 8.1)."""
    if not values:
        return "no Strict-Transport-Security"
    age = re.search(r'(?:^|;)\s*max-age\s*=\s*"?(\d+)"?\s*(?:;|$)', values[0], re.IGNORECASE)
    if not age:
        return f"a Strict-Transport-Security without a valid max-age: {values[0]}"
    if int(age[1]) < HSTS_LEAST:
        return f"a Strict-Transport-Security of {age[1]} s only; A+ wants {HSTS_LEAST}"
    return "more than one Strict-Transport-Security" if len(values) > 1 else ""


def _of_redirect(seen: Measured) -> Iterator[str]:
    status, target = seen.redirect
    wanted = f"https://{seen.name}{seen.redirected}"
    if not status:
        yield f"http gives no answer: {target}"
    elif status not in (301, 308) or target != wanted:
        said = f"{status}" + (f" to {target}" if target else "")
        yield f"http answers {seen.redirected} with {said} instead of a lasting redirect to {wanted}"


def _not_provoked(answers: Sequence[Answer]) -> tuple[str, ...]:
    statuses = {each.status for each in answers}
    return tuple(kind for kind, same in EXPECTED.items() if not statuses.intersection(same))
