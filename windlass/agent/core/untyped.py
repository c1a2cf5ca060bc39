"""What the agent on a host takes for `typing`: nobody checks types there, and loading the real one takes longer than all of ours.

Modules are given this name for it before they travel (`hosts/agent/agent_modules.py`); annotations are texts that nobody reads.
"""

from __future__ import annotations

TYPE_CHECKING = False


class _Name:
    """Stands for any name in an alias (`Union[bytes, int]`), in a call (`TypeVar("T")`), and among what a class is made of."""

    def __getitem__(self, _inner: object) -> _Name:
        return self

    def __call__(self, *_words: object, **_more: object) -> _Name:
        return self

    def __mro_entries__(self, _bases: object) -> "tuple[()]":
        return ()


def __getattr__(name: str) -> object:
    if name.startswith("__"):
        raise AttributeError(name)
    if name == "NamedTuple":  # is more than a word
        import typing  # noqa: PLC0415 - where it cannot be helped

        return typing.NamedTuple
    return _Name()
