"""A whole file in SOPS's format: opened with a private key, checked, and changed line by line."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from windlass.inventory.sops import keys
from windlass.inventory.sops.cipher import KEY_BYTES, seal, unseal
from windlass.inventory.sops.tree import PLAIN_SUFFIX, Leaf, Tree, encrypts, parse

PEOPLE = f"people{PLAIN_SUFFIX}"
VERSION = "3.9.4"  # of SOPS, whose format this is
_SEALED_COMMENT = re.compile(r"^#(ENC\[.*,type:comment\])$", re.MULTILINE)
EMPTY = '""'  # an empty text stays as it is in SOPS's format; with nothing at all there it would be no text
_OTHER_KEYS = ("pgp", "kms", "gcp_kms", "hckms", "azure_kv", "hc_vault")


@dataclass(frozen=True, slots=True)
class Document:
    """An opened file whose MAC is right.

    text    the file, encrypted
    values  the encrypted values at its top by name, opened; text, whatever their type was
    """

    text: str
    tree: Tree
    data_key: bytes = field(repr=False)
    values: Mapping[str, str] = field(repr=False)

    @property
    def wrapped(self) -> dict[str, str]:
        return wrapped_in(self.tree)

    def changed(self, changes: Mapping[str, str | None], now: datetime) -> Document:
        """The file with some values set, or with None taken away. What is equal keeps its line.

        Raises ValueError for a name whose value the file would not encrypt.
        """
        body, section = _cut(self.text)
        for name, value in changes.items():
            if value is not None and self.values.get(name) == value:
                continue
            line = "" if value is None else f"{_key(name)}: {seal(value, self.data_key, f'{name}:') or EMPTY}\n"
            body = _with_entry(body, name, line)
        made = _signed(body, section, self.data_key, now)
        for name, value in changes.items():
            if made.values.get(name) != value:
                raise ValueError(f"cannot hold {name}: a name for an encrypted value does not end in {PLAIN_SUFFIX}")
        return made

    def rotated(self, people: Mapping[str, str], now: datetime) -> Document:
        """The same values under a new data key, for these people alone: names and recipients."""
        body, _ = _cut(self.text)
        new_key = os.urandom(KEY_BYTES)
        body = _SEALED_COMMENT.sub(lambda match: "#" + _moved_comment(match[1], self.data_key, new_key), body)
        for leaf in self.tree.leaves:
            if leaf.encrypted and leaf.text:  # no ciphertext is there twice: each has its own nonce
                body = body.replace(leaf.text, seal(_open(leaf, self.data_key), new_key, leaf.place, _kind(leaf.text)), 1)
        return self._for(people, body, new_key, now)

    def shared(self, people: Mapping[str, str], now: datetime) -> Document:
        """The same data key, wrapped for these people: what may be done when somebody is added."""
        body, _ = _cut(self.text)
        return self._for(people, body, self.data_key, now)

    def _for(self, people: Mapping[str, str], body: str, data_key: bytes, now: datetime) -> Document:
        foreign = [name for name in _OTHER_KEYS if self.tree.metadata.get(name) not in (None, "", [])]
        if foreign:
            raise ValueError(f"has keys of another kind ({', '.join(foreign)}): only the sops program can wrap for them")
        if self.tree.metadata.get("mac_only_encrypted") == "true":
            raise ValueError(
                "has a MAC over secrets alone (`mac_only_encrypted`), so anybody could have written people in: "
                "only the sops program can wrap for them"
            )
        hidden = [name for name in people if encrypts(self.tree.metadata)((PEOPLE, name))]
        if hidden:
            raise ValueError(
                f"has a rule in `sops:` that encrypts {PEOPLE}.{hidden[0]}: only the sops program can wrap for people here"
            )
        listed = f"{PEOPLE}:\n" + "".join(f'    "{name}": {recipient}\n' for name, recipient in sorted(people.items()))
        rest = _with_entry(body, PEOPLE, "")
        rule = {
            name: text for name, text in self.tree.metadata.items() if name.startswith(("encrypted_", "unencrypted_", "mac_only"))
        }
        section = _section(keys.wrap(data_key, sorted(set(people.values()))), rule)
        return _signed(listed + rest, section, data_key, now)


def opened(text: str, ring: keys.KeyRing) -> Document:
    """Open a file. Raises ValueError that says what is wrong: not the format, no key of ours, or altered."""
    tree = parse(text)
    return _checked(text, ring.unwrap(wrapped_in(tree)))


def created(people: Mapping[str, str], now: datetime) -> Document:
    """A new file without values, for these people: names and recipients."""
    empty = "sops:\n    lastmodified: x\n    mac: x\n"
    tree = parse(empty)
    return Document(empty, tree, os.urandom(KEY_BYTES), {}).rotated(people, now)


def wrapped_in(tree: Tree) -> dict[str, str]:
    """The data key as it is wrapped for each recipient."""
    entries = tree.metadata.get("age") or ()
    return {str(entry.get("recipient", "")): str(entry.get("enc", "")) for entry in entries if isinstance(entry, dict)}


def people_in(tree: Tree) -> dict[str, str]:
    """The names that the file gives to recipients. They stand under the MAC; the recipients themselves do not."""
    return {leaf.path[1]: leaf.text for leaf in tree.leaves if len(leaf.path) == 2 and leaf.path[0] == PEOPLE}


def names_in(tree: Tree) -> tuple[str, ...]:
    """The names of the encrypted values at the file's top; no key is needed to see them."""
    return tuple(leaf.path[0] for leaf in tree.leaves if leaf.is_secret)


def _signed(body: str, section: str, data_key: bytes, now: datetime) -> Document:
    """Put body and metadata together with a fresh time and MAC, and read the result back."""
    modified = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    mac = seal(parse(body + section).mac(_opener(data_key)), data_key, modified)
    signed = _with_word(_with_word(section, "lastmodified", f'"{modified}"'), "mac", mac)
    return _checked(body + signed, data_key)


def _checked(text: str, data_key: bytes) -> Document:
    tree = parse(text)
    modified = str(tree.metadata["lastmodified"])
    opener = _opener(data_key)
    try:
        expected = unseal(str(tree.metadata["mac"]), data_key, modified)
    except ValueError as error:
        raise ValueError(f"has a MAC that {error}: the file was tampered with, or badly merged") from None
    if tree.mac(opener) != expected:
        raise ValueError("does not match its MAC: values were added, removed or exchanged by somebody without the key")
    values = {leaf.path[0]: opener(leaf) for leaf in tree.leaves if leaf.is_secret}
    return Document(text, tree, data_key, values)


def _opener(data_key: bytes) -> Callable[[Leaf], str]:
    return lambda leaf: _open(leaf, data_key)


def _open(leaf: Leaf, data_key: bytes) -> str:
    if not leaf.encrypted:
        return leaf.text
    try:
        return unseal(leaf.text, data_key, leaf.place)
    except ValueError as error:
        raise ValueError(f"has a value that {error}: {'.'.join(leaf.path)}") from None


def _moved_comment(sealed: str, old_key: bytes, new_key: bytes) -> str:
    """A comment that the sops program encrypted, under the new key; one that does not open stays as it is, as it does there."""
    try:
        return seal(unseal(sealed, old_key, ":"), new_key, ":", "comment")
    except ValueError:
        return sealed


def _kind(sealed: str) -> str:
    return sealed.rstrip("]").rpartition("type:")[2] or "str"


def _cut(text: str) -> tuple[str, str]:
    """What stands before `sops:`, and the metadata."""
    head, mark, tail = ("\n" + text).partition("\nsops:")
    body = head[1:]
    return (body + "\n" if body and not body.endswith("\n") else body), mark[1:] + tail


def _key(name: str) -> str:
    """A name as YAML reads it back as text."""
    return f'"{name}"' if name in ("true", "false", "null") else name


def _with_entry(body: str, name: str, entry: str) -> str:
    """Replace an entry at the top, its deeper lines included; a new one goes to the end."""
    name = re.escape(name)
    found = re.compile(rf"^(?:{name}|\"{name}\"|'{name}')[ \t]*:.*\n(?:[ \t-].*\n)*", re.MULTILINE)
    return found.sub(lambda _: entry, body, count=1) if found.search(body) else body + entry


def _with_word(section: str, name: str, word: str) -> str:
    return re.sub(rf"^([ \t]+){name}:.*$", lambda match: f"{match[1]}{name}: {word}", section, count=1, flags=re.MULTILINE)


def _section(wrapped: Mapping[str, str], rule: Mapping[str, Any]) -> str:
    lines = ["sops:", "    age:"]
    for recipient, armoured in wrapped.items():
        lines += [f"        - recipient: {recipient}", "          enc: |"]
        lines += [f"            {line}" for line in armoured.splitlines()]
    lines += ["    lastmodified: x", "    mac: x"]
    lines += [f"    {name}: {text}" for name, text in (rule or {"unencrypted_suffix": PLAIN_SUFFIX}).items()]
    return "\n".join([*lines, f"    version: {VERSION}", ""])


def unnamed(tree: Tree) -> tuple[str, ...]:
    """Recipients that the file was wrapped for and that no name stands for."""
    return tuple(sorted(set(wrapped_in(tree)) - set(people_in(tree).values())))
