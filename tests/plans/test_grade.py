"""The grade of a listener: what A+ needs, what caps it, and that each reason is said."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from windlass.plans.grade import LETTERS, Answer, Grade, Handshakes, Leaf, Measured, Suite, grade

NOW = datetime(2026, 11, 20, tzinfo=UTC)
NAME = "shop.example.org"
YEARS = ("max-age=63072000",)
GCM = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
SUITES = (Suite("TLS 1.2", GCM, 128), Suite("TLS 1.3", "TLS_AES_256_GCM_SHA384", 256))
LEAF = Leaf(
    names=(NAME,),
    begins=NOW - timedelta(days=1),
    ends=NOW + timedelta(days=89),
    key="EC",
    bits=256,
    digest="sha256",
    fingerprint="aa",
    trusted=True,
)
HANDSHAKES = Handshakes(protocols=("TLS 1.2", "TLS 1.3"), suites=SUITES, leaf=LEAF, exchange_bits={"EC": 253})
ANSWERS = tuple(Answer(f"/{status}", status, YEARS) for status in (200, 301, 403, 404, 500))
GOOD = Measured(
    name=NAME,
    handshakes=HANDSHAKES,
    answers=ANSWERS,
    redirected="/page",
    redirect=(301, f"https://{NAME}/page"),
    on_disk="aa",
)


def of(**more: Any) -> Grade:
    return grade(replace(GOOD, **more), NOW)


def agreed(**more: Any) -> Grade:
    return of(handshakes=replace(HANDSHAKES, **more))


def leaf(**more: Any) -> Grade:
    return agreed(leaf=replace(LEAF, **more))


def test_nothing_to_say_is_an_a_plus() -> None:
    assert of() == Grade(letter="A+", score=93)


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([Answer(each.asked, each.status) for each in ANSWERS], "no answer has Strict-Transport-Security"),
        ([*ANSWERS[:4], Answer("/500", 500)], "the 500 for /500 has no Strict-Transport-Security"),
        ([Answer("/", 200, ("max-age=300",))], "the 200 for / has a Strict-Transport-Security of 300 s only; A+ wants 15768000"),
        ([Answer("/", 200, ("max-age=0", *YEARS))], "the 200 for / has a Strict-Transport-Security of 0 s only; A+ wants 15768000"),
        ([Answer("/", 200, ("includeSubDomains",))], "without a valid max-age: includeSubDomains"),
        ([Answer("/", 200, ("max-age=63072000x",))], "without a valid max-age: max-age=63072000x"),
        ([Answer("/", 200, (*YEARS, *YEARS))], "the 200 for / has more than one Strict-Transport-Security"),
        ([Answer("/", 0)], "no answer came by https"),
    ],
)
def test_without_hsts_on_every_answer_it_is_an_a_and_the_answer_is_named(answers: list[Answer], reason: str) -> None:
    found = of(answers=tuple(answers))

    assert found.letter == "A"
    assert len(found.reasons) == 1
    assert found.reasons[0].endswith(reason)


@pytest.mark.parametrize(
    "header",
    [
        "max-age=15768000",
        "includeSubDomains; max-age=63072000",
        'MAX-AGE="63072000"; preload',
        "max-age = 63072000 ; includeSubDomains",
    ],
)
def test_hsts_may_be_written_in_any_way_that_browsers_read(header: str) -> None:
    assert of(answers=(Answer("/", 200, (header,)),)).letter == "A+"


def test_what_could_not_be_got_is_said_and_not_passed() -> None:
    found = of(answers=(Answer("/", 200, YEARS), Answer("/old", 308, YEARS), Answer("/slow", 0)))

    assert (found.letter, found.not_provoked) == ("A+", ("403", "404", "500"))


@pytest.mark.parametrize(
    ("found", "letter", "reason"),
    [
        (agreed(protocols=("TLS 1.2",)), "A-", "A-: it does not speak TLS 1.3"),
        (agreed(protocols=("TLS 1.1", "TLS 1.2", "TLS 1.3")), "B", "B: it speaks TLS 1.1"),
        (agreed(protocols=("SSL 3.0", "TLS 1.0", "TLS 1.2", "TLS 1.3")), "B", "B: it speaks SSL 3.0, TLS 1.0"),
        (agreed(protocols=("TLS 1.0",)), "C", "C: it speaks neither TLS 1.2 nor 1.3"),
        (agreed(protocols=("SSL 2.0", "TLS 1.2", "TLS 1.3")), "F", "F: it speaks SSL 2.0"),
        (agreed(suites=(Suite("TLS 1.2", "TLS_RSA_WITH_AES_128_GCM_SHA256", 128),)), "B", "B: no cipher is forward secret"),
        (
            agreed(suites=(Suite("TLS 1.2", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", 256),)),
            "B",
            "B: no cipher is authenticated (AEAD)",
        ),
        (agreed(suites=(*SUITES, Suite("TLS 1.2", "TLS_RSA_WITH_RC4_128_SHA", 128))), "C", "C: it accepts ciphers with RC4"),
        (
            agreed(suites=(*SUITES, Suite("TLS 1.2", "TLS_RSA_WITH_3DES_EDE_CBC_SHA", 112))),
            "C",
            "C: it accepts ciphers with blocks",
        ),
        (agreed(suites=(*SUITES, Suite("TLS 1.2", "TLS_ECDH_anon_WITH_AES_128_CBC_SHA", 128, True))), "F", "F: it accepts"),  # noqa: FBT003
        (agreed(suites=(*SUITES, Suite("TLS 1.2", "TLS_RSA_WITH_NULL_SHA", 0))), "F", "F: its score is 0"),
        (agreed(exchange_bits={"DH": 1024}), "B", "B: its key exchange is as weak as 1024 bits of RSA"),
        (agreed(exchange_bits={"DH": 768}), "F", "F: its key exchange is as weak as 768 bits of RSA"),
        (leaf(key="RSA", bits=1024), "B", "B: its key is as weak as 1024 bits of RSA"),
        (agreed(weaknesses=("heartbleed",)), "F", "F: Heartbleed"),
        (agreed(weaknesses=("renegotiation",)), "F", "F: insecure renegotiation"),
        (agreed(weaknesses=("compression",)), "C", "C: it compresses"),
        (agreed(weaknesses=("downgrade",)), "A", "it can be talked into an older protocol"),
        (agreed(deviations=("curves",)), "A", "not as Mozilla's intermediate recommendation: curves"),
        (
            leaf(trusted=False, why="it ends with X"),
            "T",
            "T: the chain that is sent leads to no authority that is trusted: it ends",
        ),
        (leaf(ends=NOW - timedelta(seconds=1)), "T", "T: the certificate is valid from"),
        (leaf(begins=NOW + timedelta(seconds=1)), "T", "T: the certificate is valid from"),
        (leaf(digest="sha1"), "T", "T: the certificate is signed with sha1"),
        (leaf(names=("other.example.org",)), "M", "M: the certificate is for other.example.org"),
        (leaf(names=("*.shop.example.org", "*.org")), "M", "M: the certificate is for *.shop.example.org, *.org"),
        (leaf(ordered=False), "A", "the certificates of its chain are not in order"),
        (of(unknown="bb"), "A", "for a name that no site has it gives a certificate (bb)"),
        (of(unnamed="bb"), "A", "without a name it gives a certificate (bb)"),
        (of(on_disk="bb"), "A", "it serves another certificate than is on the host's disk"),
        (of(redirect=(200, "")), "A", "http answers /page with 200 instead of a lasting redirect"),
        (of(redirect=(301, "https://example.org/page")), "A", "http answers /page with 301 to https://example.org/page instead"),
        (of(redirect=(302, f"https://{NAME}/page")), "A", "http answers /page with 302"),
        (of(redirect=(0, "refused")), "A", "http gives no answer: refused"),
    ],
)
def test_each_fault_has_its_letter_and_its_reason(found: Grade, letter: str, reason: str) -> None:
    assert found.letter == letter
    assert any(each.startswith(reason) for each in found.reasons), found.reasons


def test_the_worst_fault_counts_and_all_are_said() -> None:
    found = agreed(protocols=("TLS 1.1", "TLS 1.2"), weaknesses=("compression",))

    assert found.letter == "C"
    assert found.reasons == ("C: it compresses (CRIME)", "B: it speaks TLS 1.1", "A-: it does not speak TLS 1.3")


def test_a_star_fits_one_label_and_a_host_that_was_not_asked_is_no_fault() -> None:
    assert leaf(names=("*.example.org",)).letter == "A+"
    assert of(on_disk=None).letter == "A+"


@pytest.mark.parametrize(
    ("key", "bits", "exchange", "score"),
    [
        ("RSA", 2048, {"EC": 253}, 93),
        ("RSA", 4096, {"EC": 384}, 96),
        ("EC", 384, {"EC": 384}, 96),
        ("EC", 384, {"EC": 253}, 93),
        ("EC", 256, {"EC": 384, "DH": 1024}, 90),
    ],
)
def test_the_score_goes_by_the_weaker_of_key_and_key_exchange(key: str, bits: int, exchange: dict[str, int], score: int) -> None:
    assert agreed(leaf=replace(LEAF, key=key, bits=bits), exchange_bits=exchange).score == score


def test_letters_are_in_order() -> None:
    marks = [Grade(letter=each, score=0) for each in LETTERS]

    assert [each.letter for each in marks if each.at_least("A-")] == ["A+", "A", "A-"]
