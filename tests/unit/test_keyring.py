"""Keys of package sources out of the armor in which they are published."""

from __future__ import annotations

import hashlib

import pytest

from tests.cases.case import FOLDER
from windlass.errors import InventoryError
from windlass.operations.keyring import dearmored

KEY = (FOLDER / "signed/key.asc").read_bytes()
OTHER = (FOLDER / "signed/other.asc").read_bytes()


def test_a_key_is_what_gpg_makes_of_it() -> None:
    made = dearmored(KEY, "x")

    assert hashlib.sha256(made).hexdigest() == "10e7f2b94b325e083140ef70754cd4a048687c70ae7d357b934456368f738016"
    assert dearmored(made, "x") == made


def test_line_ends_headers_and_further_blocks_make_no_difference() -> None:
    first, second = dearmored(KEY, "x"), dearmored(OTHER, "x")
    windows = KEY.replace(b"\n", b"\r\n")
    headed = KEY.replace(b"BLOCK-----\n\n", b"BLOCK-----\nVersion: 1\nComment: a: b\n\n", 1)

    assert dearmored(windows, "x") == dearmored(headed, "x") == first
    assert dearmored(b"Keys of ours:\n" + KEY + OTHER, "x") == first + second


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (KEY.replace(b"dwn", b"dwm").replace(b"Q", b"R", 1), "damaged"),
        (KEY[:200], "its end is missing"),
        (KEY.replace(b"PUBLIC KEY", b"PRIVATE KEY"), "private"),
        (KEY.replace(b"PUBLIC KEY BLOCK", b"SIGNATURE"), "it is a signature"),
        (b"", "does not begin like one"),
        (b"<html>", "does not begin like one"),
        (b"\x94\x01\x02", "private"),
        (b"\xc5\x01\x02", "private"),
    ],
)
def test_what_is_no_public_key_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(InventoryError, match=words):
        dearmored(data, "x")
