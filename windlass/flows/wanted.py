"""What a run wanted of its hosts, as digests: whoever goes on with it has to want the very same, wherever values come from.

The record is for its owner alone, and yet nobody who reads it is to find out a password by trying. What lies in plain beside it has
a plain digest, all else that is secret one that takes long to try (`secrets/peppered`), and each record has a salt of its own.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from windlass.flows.secrets import peppered
from windlass.flows.secrets.known_secrets import KnownSecrets
from windlass.inventory.reading import ENCRYPTED
from windlass.inventory.secrets import PREFIX
from windlass.operations.local_tree import LocalTree
from windlass.operations.operation import LocalFile, Operation
from windlass.operations.wire import Batch, encode
from windlass.values import HIDDEN, SHORTEST, Secret

LENGTH: Final = 6  # bytes of a digest
MOST_NAMES: Final = 5  # operations, or hosts, that are named


@dataclass(frozen=True, slots=True)
class Wanted:
    """What came out for the hosts of a run.

    salt     of all digests, in hexadecimal digits
    hosts    for each host a digest of each operation, in order, with all that is secret left out
    hidden   one digest of all that is secret in them; empty where nothing is
    secrets  of each secret that was asked for: where its value came from, and its digest, unless that file is kept encrypted
    holders  the operations that hold something secret, as they are called; not in the record
    """

    salt: str
    hosts: Mapping[str, tuple[str, ...]]
    hidden: str = ""
    secrets: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    holders: tuple[str, ...] = field(default=(), compare=False)

    def encoded(self) -> dict[str, Any]:
        """For JSON; hosts that want the same share a list."""
        lists = list(dict.fromkeys(self.hosts.values()))
        places = {digests: place for place, digests in enumerate(lists)}
        return {
            "salt": self.salt,
            "lists": [" ".join(each) for each in lists],
            "hosts": {host: places[digests] for host, digests in self.hosts.items()},
            "hidden": self.hidden,
            "secrets": {name: list(each) for name, each in self.secrets.items()},
        }

    @classmethod
    def decoded(cls, record: Mapping[str, Any]) -> Wanted:
        """Raises ValueError, TypeError, KeyError, IndexError or AttributeError for what is no such record."""
        lists = [tuple(each.split()) for each in record["lists"]]
        hosts = {host: lists[place] for host, place in record["hosts"].items()}
        secrets = {name: (str(source), str(digest)) for name, (source, digest) in record["secrets"].items()}
        return cls(bytes.fromhex(record["salt"]).hex(), hosts, record["hidden"], secrets)


def wanted_of(batches: Mapping[str, Batch], secrets: KnownSecrets, then: Wanted | None = None) -> Wanted:
    """What these batches want of their hosts. To be compared with what was wanted `then`, it has to be made with that: what is
    secret has the digest of then where it is the same, and a new one otherwise."""
    used = secrets.asked()
    digests = _Digests(bytes.fromhex(then.salt) if then else os.urandom(16), _as_json(used.values()))
    lists = {batch: tuple(digests.of_operations(batch)) for batch in dict.fromkeys(batches.values())}
    hidden = digests.of_hidden(then.hidden if then else "")
    return Wanted(
        digests.salt.hex(),
        {host: lists[batch] for host, batch in batches.items()},
        hidden,
        then.secrets if then and hidden == then.hidden else _of_secrets(digests, secrets, then),
        tuple(digests.hidden),
    )


def differences(then: Wanted, now: Wanted, batches: Mapping[str, Batch]) -> tuple[str, ...]:
    """What comes out differently now, a line each; nothing if all is the same. `now` is of `batches`, with the salt of then."""
    differing = _differing(then, now, batches)
    gone = sum(len(set(digests) - set(now.hosts.get(host, ()))) for host, digests in then.hosts.items())
    if not differing and now.hosts != then.hosts:
        differing = {
            f"{gone} operations that it wanted are wanted no more" if gone else "operations in another order": list(now.hosts)
        }
    lines = [f"{title} on {_few(hosts)}" for title, hosts in differing.items()]
    if now.hidden != then.hidden:
        lines = [*(_other_secrets(then, now) or [f"what is secret in {_few(now.holders)}"]), *lines]
    return (*lines[:MOST_NAMES], *([f"and {len(lines) - MOST_NAMES} more"] if len(lines) > MOST_NAMES else []))


class _Digests:
    """All with one salt.

    hidden   what was found secret up to now, by the operations that hold it
    """

    def __init__(self, salt: bytes, known: Collection[str]) -> None:
        self.salt = salt
        self.hidden: dict[str, list[str]] = {}
        self._known = known

    def of_operations(self, batch: Batch) -> Iterator[str]:
        """A digest of each, without what is secret in it."""
        for operation, described in zip(batch.operations, encode(batch).body["operations"], strict=True):
            parts: list[str] = []
            text = json.dumps(_without_secrets(described, parts), sort_keys=True)
            if described["arguments"].get("sensitive") or any(each in text for each in self._known):
                parts.append(text)  # what is secret in it is not marked
                text = operation.title()
            if parts:
                self.hidden.setdefault(operation.title(), []).extend(parts)
            yield self._plain(text)

    def of_hidden(self, then: str) -> str:
        """One of all that was found secret, that of `then` if it is the same; empty where nothing was."""
        return self._peppered(json.dumps(self.hidden), "", then) if self.hidden else ""

    def of_secret(self, name: str, value: str, source: str, then: str) -> str:
        """Peppered where the value is nowhere on this disk; none of an encrypted one, for its file is kept with the run."""
        if source.endswith(ENCRYPTED):
            return ""
        return self._peppered(value, name, then) if source.startswith(PREFIX) else self._plain(value)

    def _peppered(self, text: str, name: str, then: str) -> str:
        salt = self.salt + name.encode()  # or one guess could be tried on all of them at once
        return then if then and peppered.fits(then, text, salt) else peppered.made(text, salt)

    def _plain(self, text: str) -> str:
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=LENGTH, key=self.salt).hexdigest()


def _of_secrets(digests: _Digests, secrets: KnownSecrets, then: Wanted | None) -> dict[str, tuple[str, str]]:
    """Of each that was asked for: where its value comes from, and its digest."""
    used = secrets.asked()
    sources = secrets.sources() if used else {}
    before = then.secrets if then else {}
    return {
        name: (sources[name], digests.of_secret(name, each.reveal(), sources[name], before.get(name, ("", ""))[1]))
        for name, each in used.items()
        if name in sources
    }


def _as_json(secrets: Iterable[Secret]) -> set[str]:
    return {json.dumps(each.reveal())[1:-1] for each in secrets if len(each.reveal()) >= SHORTEST}


def _without_secrets(value: Any, parts: list[str]) -> Any:
    """The same with `•••` in the place of what is marked as secret."""
    if isinstance(value, Mapping):
        if value.keys() == {"secret"}:
            parts.append(str(value["secret"]))
            return HIDDEN
        return {name: _without_secrets(each, parts) for name, each in value.items()}
    return [_without_secrets(each, parts) for each in value] if isinstance(value, list) else value


def _differing(then: Wanted, now: Wanted, batches: Mapping[str, Batch]) -> dict[str, list[str]]:
    """Hosts by the operations that are others there, in words."""
    found: dict[str, list[str]] = {}
    for host, digests in now.hosts.items():
        before = set(then.hosts.get(host, ()))
        for operation, digest in zip(batches[host].operations, digests, strict=True):
            if digest not in before:
                found.setdefault(_described(operation), []).append(host)
    return found


def _described(operation: Operation) -> str:
    """With the file or the folder here that it comes from."""
    contents = (getattr(operation, name, None) for name in ("content", "source"))
    places = [
        each.path if isinstance(each, LocalFile) else each.root for each in contents if isinstance(each, LocalFile | LocalTree)
    ]
    return f"{operation.title()}, from {places[0]}," if places else operation.title()


def _other_secrets(then: Wanted, now: Wanted) -> list[str]:
    """The secrets whose values are others now, each with where it comes from."""
    lines = []
    for name, (source, digest) in now.secrets.items():
        was, before = then.secrets.get(name, ("", ""))
        if source != was:
            lines.append(f"secret {name}: came from {was or 'elsewhere'}, comes from {source}")
        elif digest != before:
            lines.append(f"secret {name}: another value in {source}")
    return lines


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:MOST_NAMES]) + (f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else "")
