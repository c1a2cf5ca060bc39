"""Picks hosts by pattern: `web1`, `app`, `web*`, `!web2`, and several of them with commas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from windlass.errors import UsageError

ALL = "all"


def select(pattern: str, hosts: Iterable[str], groups: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The hosts that a pattern means, in the order of the inventory.

    A word is a host, a group or a glob over host names; `all` is every host. Words are united, and what words with `!`
    mean is taken away, wherever they stand; a pattern of nothing but `!` words takes away from all.
    Raises UsageError for a word that means nothing, and when no host is left.
    """
    known = tuple(hosts)
    words = [word.strip() for word in pattern.split(",") if word.strip()]
    wanted = [word for word in words if not word.startswith("!")]
    unwanted = [word[1:].strip() for word in words if word.startswith("!")]
    chosen = _meant(wanted, known, groups) if wanted or not unwanted else set(known)
    chosen -= _meant(unwanted, known, groups)
    if not chosen:
        raise UsageError(f"{pattern!r} means no host", hint=_choice(known, groups))
    return tuple(host for host in known if host in chosen)


def _meant(words: Iterable[str], hosts: Sequence[str], groups: Mapping[str, Sequence[str]]) -> set[str]:
    return {host for word in words for host in _one(word, hosts, groups)}


def _one(word: str, hosts: Sequence[str], groups: Mapping[str, Sequence[str]]) -> Iterable[str]:
    if word in groups:
        return groups[word]
    if word in hosts:
        return (word,)
    if word == ALL:
        return hosts
    found = [host for host in hosts if fnmatchcase(host, word)]
    if not found:
        raise UsageError(_unknown(word, hosts, groups), hint=_choice(hosts, groups))
    return found


def _unknown(word: str, hosts: Sequence[str], groups: Mapping[str, Sequence[str]]) -> str:
    from windlass.inventory.faults import did_you_mean  # noqa: PLC0415 - only when something is wrong

    if any(character in word for character in "*?["):
        return f"no host matches {word!r}"
    return f"no host or group is called {word!r}{did_you_mean(word, [*hosts, *groups])}"


def _choice(hosts: Sequence[str], groups: Mapping[str, Sequence[str]]) -> str:
    return f"hosts: {_some(hosts)}; groups: {_some(list(groups)) or 'none'}"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
