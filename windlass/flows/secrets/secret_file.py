"""Changing the encrypted file of an environment: values, and the people who can read it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from windlass.errors import RefusedError, UsageError
from windlass.inventory import Environment, declared
from windlass.inventory.committed_secrets import CommittedSecrets, committed_file
from windlass.inventory.faults import did_you_mean
from windlass.inventory.sops.document import Document, created, people_in, unnamed
from windlass.inventory.sops.keys import make_own_key

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]*")


@dataclass(frozen=True, slots=True)
class People:
    """Who can read the file: recipients by name, those without a name, and which names are one's own."""

    named: Mapping[str, str]
    unnamed: tuple[str, ...]
    own: tuple[str, ...]


def put(environment: Environment, name: str, value: str) -> bool:
    """Set a secret in the encrypted file; whether that changed anything.

    Raises UsageError for a name that the inventory does not declare, an empty value, or when there is no file yet.
    """
    declared(environment.secrets, name)
    if not value:
        raise UsageError(
            "the value is empty: nothing was changed", hint="invoke secrets.edit takes one away: delete its line there"
        )
    file = existing_file(environment)
    if file.values().get(name) == value:
        return False
    file.change(lambda document, now: document.changed({name: value}, now))
    return True


def existing_file(environment: Environment) -> CommittedSecrets:
    """The encrypted file. Raises UsageError when there is none yet."""
    file = committed_file(environment)
    if not file.file.exists():
        raise UsageError(
            f"{file.shown_as} does not exist yet",
            hint=f"say who can read it: invoke secrets.people --env {environment.name} --add YOUR-NAME",
        )
    return file


def rotate(environment: Environment) -> int:
    """A new data key, and every value encrypted anew; how many values there are. Raises RefusedError for an unnamed recipient."""
    file = existing_file(environment)
    people = _all_named(file)
    return len(file.change(lambda document, now: document.rotated(people, now)).values)


def people(environment: Environment) -> People:
    """Who can read the encrypted file; nobody where there is none. No key is needed for this."""
    file = committed_file(environment)
    if not file.file.exists():
        return People({}, (), ())
    named = people_in(file.tree())
    mine = file.ring().recipients()
    return People(named, unnamed(file.tree()), tuple(name for name, recipient in named.items() if recipient in mine))


def add_person(environment: Environment, name: str, recipient: str) -> str:
    """Let somebody read the file: wrap the same data key for them, too. Gives the recipient.

    Without a recipient it is oneself: the first private key that is found here, or a new one in `.windlass/age-key.txt`.
    The first person's file is made here. Raises UsageError (a bad name or recipient), RefusedError (the name is taken, or oneself
    has another one).
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is not a name for a person", hint="letters, digits and . _ @ + - : anna, ci, anna@example.org")
    file = committed_file(environment)
    is_oneself, recipient = not recipient, recipient or _own(file)
    if not file.file.exists():
        file.write(created({name: recipient}, datetime.now(UTC)))
        return recipient
    known = people_in(file.tree())
    own = [other for other, key in known.items() if key == recipient]
    if is_oneself and own and name not in known:
        raise RefusedError(f"{own[0]} is you already, and {name} would be, too", hint=f"say --recipient, the public key of {name}")
    if known.get(name, recipient) != recipient:
        raise RefusedError(f"{name} is there already, with another key", hint=f"--remove {name} first, or take another name")

    def share(document: Document, now: datetime) -> Document:
        strangers = set(unnamed(document.tree)) - {recipient}
        _refuse(strangers)
        return document.shared(known | {name: recipient}, now)

    file.change(share)
    return recipient


def remove_person(environment: Environment, name: str) -> None:
    """Take somebody out: a new data key, all values encrypted anew, wrapped for the others.

    Raises UsageError for an unknown name, RefusedError for the last person or oneself.
    """
    file = existing_file(environment)
    known = people_in(file.tree())
    if name not in known:
        raise UsageError(f"nobody is called {name!r}{did_you_mean(name, known)}", hint=f"people: {', '.join(known) or 'none'}")
    rest = {other: recipient for other, recipient in known.items() if other != name}
    if not set(rest.values()) & set(file.ring().recipients()):
        raise RefusedError(
            f"without {name} you could not read {file.shown_as} yourself", hint="somebody else who stays removes you"
        )
    strangers = set(unnamed(file.tree())) - {known[name]}
    _refuse(strangers)
    file.change(lambda document, now: document.rotated(rest, now))


def _all_named(file: CommittedSecrets) -> Mapping[str, str]:
    _refuse(set(unnamed(file.tree())))
    return people_in(file.tree())


def _refuse(strangers: set[str]) -> None:
    """Recipients stand outside of the MAC: one that somebody merely wrote in must never get a key."""
    if strangers:
        raise RefusedError(
            f"the file has a recipient that nobody named: {', '.join(sorted(strangers))}",
            hint="if it is meant to be there: invoke secrets.people --add NAME --recipient …; else take it out of `sops:`",
        )


def _own(file: CommittedSecrets) -> str:
    found = file.ring().recipients()
    return found[0] if found else make_own_key(file.project)
