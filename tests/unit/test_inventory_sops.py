"""SOPS's file format: what is read, what is refused, and that a changed value is a changed line."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pyrage import x25519

from windlass.inventory.sops.cipher import seal, unseal
from windlass.inventory.sops.document import Document, created, names_in, opened, people_in, unnamed
from windlass.inventory.sops.keys import KeyRing, NoKey, wrap
from windlass.inventory.sops.tree import parse
from windlass.values import Secret

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
KEY = bytes(range(32))


def person() -> tuple[str, KeyRing]:
    identity = x25519.Identity.generate()
    return str(identity.to_public()), KeyRing((Secret(str(identity)),), ("here",))


def file_with(**values: str) -> tuple[Document, KeyRing]:
    recipient, ring = person()
    return created({"anna": recipient}, NOW).changed(values, NOW), ring


def by_hand(body: str, mac_over: str, *, rule: str = "unencrypted_suffix: _unencrypted", head: bytes = b"") -> tuple[str, KeyRing]:
    """A file built from the description of the format alone: nothing of ours seals or signs it."""
    recipient, ring = person()
    mac = hashlib.sha512(head + mac_over.encode()).hexdigest().upper()
    nonce = bytes(32)
    whole = AESGCM(KEY).encrypt(nonce, mac.encode(), b"2020-01-01T00:00:00Z")
    data, tag = base64.b64encode(whole[:-16]).decode(), base64.b64encode(whole[-16:]).decode()
    enc = "".join(f"                {line}\n" for line in wrap(KEY, [recipient])[recipient].splitlines())
    text = (
        f"{body}sops:\n    kms: []\n    age:\n        - recipient: {recipient}\n          enc: |\n{enc}"
        f'    lastmodified: "2020-01-01T00:00:00Z"\n'
        f"    mac: ENC[AES256_GCM,data:{data},iv:{base64.b64encode(nonce).decode()},tag:{tag},type:str]\n"
        f"    {rule}\n    version: 3.9.0\n"
    )
    return text, ring


def test_a_value_opens_at_its_place_and_nowhere_else() -> None:
    sealed = seal("päss", KEY, "a:b:")

    assert re.fullmatch(r"ENC\[AES256_GCM,data:[\w+/=]+,iv:[\w+/=]{44},tag:[\w+/=]{24},type:str\]", sealed)
    assert unseal(sealed, KEY, "a:b:") == "päss"
    assert (seal("", KEY, "a:"), unseal("", KEY, "a:")) == ("", "")
    with pytest.raises(ValueError, match="stood at another place"):
        unseal(sealed, KEY, "a:c:")
    with pytest.raises(ValueError, match="is not encrypted"):
        unseal("plain", KEY, "a:")


def test_a_file_made_by_the_description_of_the_format_is_read() -> None:
    body = (
        f"token: {seal('word', KEY, 'token:')}\n#{seal(' a note', KEY, ':', 'comment')}\n"
        f"port: {seal('5432', KEY, 'port:', 'int')}\nflag: {seal('True', KEY, 'flag:', 'bool')}\n"
        f"nested:\n    list:\n        - {seal('one', KEY, 'nested:list:')}\n        - {seal('two', KEY, 'nested:list:')}\n"
        'empty: null\nplain_unencrypted:\n    answer: true\n    word: "true"\n    ratio: 1.50\n    big: 1.0\n'
    )
    text, ring = by_hand(body, "word5432TrueonetwoTruetrue1.51")

    assert dict(opened(text, ring).values) == {"token": "word", "port": "5432", "flag": "True"}


@pytest.mark.parametrize(
    ("rule", "encrypted"),
    [
        ("encrypted_suffix: _secret", {"a_secret"}),
        ("encrypted_regex: ^a_", {"a_secret"}),
        ("unencrypted_regex: ^b$", {"a_secret", "c"}),
        ("unencrypted_suffix: _secret", {"b", "c"}),
    ],
)
def test_the_file_says_what_in_it_is_encrypted(rule: str, encrypted: set[str]) -> None:
    body = "".join(f"{name}: {seal(name, KEY, f'{name}:') if name in encrypted else name}\n" for name in ("a_secret", "b", "c"))
    text, ring = by_hand(body, "a_secretbc", rule=rule)

    assert set(opened(text, ring).values) == encrypted


def test_a_mac_over_the_encrypted_values_alone_is_another_mac() -> None:
    head = hashlib.sha256(b"sops").digest()
    text, ring = by_hand(f"a: {seal('one', KEY, 'a:')}\nb_unencrypted: two\n", "one", rule="mac_only_encrypted: true", head=head)

    assert dict(opened(text, ring).values) == {"a": "one"}


def test_a_changed_value_is_a_changed_line() -> None:
    document, ring = file_with(first="1", second="2", third="3")

    after = document.changed({"second": "zwei", "third": "3"}, LATER)

    before_lines, after_lines = document.text.splitlines(), after.text.splitlines()
    different = [old.split(":")[0].strip() for old, new in zip(before_lines, after_lines, strict=True) if old != new]
    assert different == ["second", "lastmodified", "mac"]
    assert dict(opened(after.text, ring).values) == {"first": "1", "second": "zwei", "third": "3"}


def test_values_come_and_go_and_comments_stay() -> None:
    document, ring = file_with(first="1", second="line one\nline two: 'x'")
    noted = document.text.replace("first:", "# about the first\nfirst:")

    after = opened(noted, ring).changed({"first": None, "third": "3"}, LATER)

    assert dict(opened(after.text, ring).values) == {"second": "line one\nline two: 'x'", "third": "3"}
    assert "# about the first\nsecond:" in after.text
    assert "line" not in after.text


def test_a_name_that_sops_would_leave_plain_is_refused() -> None:
    document, _ = file_with()

    with pytest.raises(ValueError, match="does not end in _unencrypted"):
        document.changed({"password_unencrypted": "open"}, NOW)


def _swap(text: str) -> str:
    first, second = re.findall(r"^(?:first|second): (.*)$", text, re.MULTILINE)
    return text.replace(first, "(held)").replace(second, first).replace("(held)", second)


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (_swap, "stood at another place"),
        (lambda text: re.sub(r"^first: .*\n", "", text, flags=re.MULTILINE), "does not match its MAC"),
        (lambda text: re.sub(r"(\"anna\": age1)(.)", r"\1x\2", text, count=1), "does not match its MAC"),
        (lambda text: text.replace("2026-01-02", "2026-01-03"), "has a MAC that was altered"),
        (lambda text: re.sub(r"^first: .*$", "first: plain", text, flags=re.MULTILINE), "is not encrypted"),
        (lambda text: f"first: again\n{text}", "has first twice"),
        (lambda text: text.partition("sops:")[0], "was never encrypted"),
        (lambda text: f"{text}last: word\n", "last entry"),
    ],
)
def test_a_file_that_somebody_altered_is_refused(tamper: object, said: str) -> None:
    document, ring = file_with(first="1", second="2")
    assert callable(tamper)

    altered = tamper(document.text)

    assert altered != document.text
    with pytest.raises(ValueError, match=said):
        opened(altered, ring)


def test_without_the_right_key_nothing_opens() -> None:
    document, _ = file_with(first="1")
    _, stranger = person()

    with pytest.raises(NoKey, match="is not for your key"):
        opened(document.text, stranger)
    with pytest.raises(NoKey, match="needs a private age key, and there is none in here"):
        opened(document.text, KeyRing((), ("here",)))


def test_a_new_person_gets_the_same_data_key_and_a_removed_one_does_not_get_the_next() -> None:
    document, anna = file_with(first="1", second="2")
    recipient, ben = person()
    mine = people_in(document.tree)

    together = document.shared(mine | {"ben": recipient}, LATER)
    alone = opened(together.text, ben).rotated({"ben": recipient}, LATER)

    def lines(text: str) -> list[str]:
        return [line for line in text.splitlines() if line.startswith(("first", "second"))]

    assert lines(together.text) == lines(document.text)
    assert dict(opened(together.text, ben).values) == {"first": "1", "second": "2"}
    assert not set(lines(alone.text)) & set(lines(document.text))
    assert dict(opened(alone.text, ben).values) == {"first": "1", "second": "2"}
    assert alone.data_key != together.data_key == document.data_key
    with pytest.raises(NoKey):
        opened(alone.text, anna)


def test_names_need_no_key_and_a_recipient_written_in_by_hand_is_seen() -> None:
    document, _ = file_with(first="1")
    stranger, _ = person()
    text = document.text.replace("    age:\n", f"    age:\n        - recipient: {stranger}\n          enc: x\n")

    assert names_in(parse(text)) == ("first",)
    assert unnamed(parse(text)) == (stranger,)
    assert unnamed(document.tree) == ()


def test_rotating_moves_comments_that_were_encrypted() -> None:
    body = f"#{seal(' a note', KEY, ':', 'comment')}\ntoken: {seal('word', KEY, 'token:', 'str')}\n"
    text, ring = by_hand(body, "word")

    after = opened(text, ring).rotated({"anna": ring.recipients()[0]}, LATER)

    (comment,) = re.findall(r"^#(ENC.*)$", after.text, re.MULTILINE)
    assert unseal(comment, after.data_key, ":") == " a note"
    assert dict(after.values) == {"token": "word"}


def test_keys_of_another_kind_are_left_to_the_sops_program() -> None:
    text, ring = by_hand("a_unencrypted: b\n", "b")
    document = opened(text.replace("kms: []", "pgp: [{fp: AB}]"), ring)

    with pytest.raises(ValueError, match="keys of another kind"):
        document.rotated({"anna": ring.recipients()[0]}, LATER)
    assert "pgp: [{fp: AB}]" in document.changed({"new": "1"}, LATER).text
