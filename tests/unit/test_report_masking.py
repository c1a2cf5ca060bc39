"""No known secret gets through the mask, in whatever it is wrapped."""

from windlass.events import Note, OperationEnded
from windlass.report.masking import Mask
from windlass.values import Secret


def test_a_secret_in_a_text_is_hidden() -> None:
    mask = Mask(lambda: [Secret("hunter22")])

    assert mask.text("password=hunter22;") == "password=•••;"


def test_a_secret_that_holds_a_shorter_one_is_hidden_whole() -> None:
    mask = Mask(lambda: [Secret("hunter"), Secret("hunter22-long")])

    assert mask.text("hunter22-long and hunter") == "••• and •••"


def test_each_line_of_a_long_secret_is_hidden_on_its_own() -> None:
    mask = Mask(lambda: [Secret("-----BEGIN-----\nabcdefgh\n-----END-----\n")])

    assert mask.text("got line abcdefgh here") == "got line ••• here"


def test_too_short_a_secret_does_not_blot_out_everything() -> None:
    assert Mask(lambda: [Secret("a"), Secret("")]).text("banana") == "banana"


def test_a_secret_that_was_made_later_is_hidden_from_then_on() -> None:
    secrets: list[Secret] = []
    mask = Mask(lambda: secrets)
    before = mask.text("token-1234")
    secrets.append(Secret("token-1234"))

    assert (before, mask.text("token-1234")) == ("token-1234", "•••")


def test_values_are_masked_at_any_depth_and_become_plain_json() -> None:
    mask = Mask(lambda: [Secret("hunter22")])
    value = {"hunter22": ["x hunter22", {"deep": ("hunter22", 1, None, True)}], "typed": Secret("other")}

    assert mask.value(value) == {"•••": ["x •••", {"deep": ["•••", 1, None, True]}], "typed": "•••"}


def test_every_text_of_an_event_is_masked() -> None:
    mask = Mask(lambda: [Secret("hunter22")])

    assert mask.event(Note("hunter22!", "web1")) == Note("•••!", "web1")
    assert mask.event(OperationEnded("web1", "t", "changed", 1.5, "is hunter22", "+hunter22")) == OperationEnded(
        "web1", "t", "changed", 1.5, "is •••", "+•••"
    )
