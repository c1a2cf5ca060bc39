"""A digest that is quickly made and slowly tried still says of every value whether it is the one."""

from __future__ import annotations

import pytest

from windlass.flows.secrets import peppered

SALT = b"of this record"


@pytest.mark.parametrize("text", ["correct horse", "", "no \udcff text", "long " * 10_000])
def test_only_the_same_value_fits(text: str) -> None:
    digest = peppered.made(text, SALT)

    assert peppered.fits(digest, text, SALT)
    assert not peppered.fits(digest, f"{text} ", SALT)
    assert not peppered.fits(digest, text, b"of another one")


def test_nobody_knows_the_pepper() -> None:
    digests = {peppered.made("correct horse", SALT) for _ in range(100)}

    assert len(digests) > peppered.PEPPERS // 4
