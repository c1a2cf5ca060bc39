"""Which hosts a group holds, and in which order the groups of a host count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from windlass.errors import UsageError
from windlass.inventory.draft import Draft
from windlass.inventory.faults import Faults, did_you_mean
from windlass.inventory.schema import Group
from windlass.inventory.selection import ALL, select


def resolve(draft: Draft, faults: Faults) -> dict[str, Group]:
    """The groups, parents before children and otherwise as written, each with all its hosts; `all` is always the first."""
    everything = draft.groups.get(ALL) or Group(name=ALL)
    if everything.hosts or everything.children:
        path = ("groups", ALL, "hosts" if everything.hosts else "children")
        faults.add(draft.tree.place(path), path, "leave it out: the group all holds every host and every group")
    groups = {ALL: everything, **{name: group for name, group in draft.groups.items() if name != ALL}}
    _check_children(draft, groups, faults)
    own = {name: _own_hosts(group, draft, faults) for name, group in groups.items()}
    order = _parents_first(groups)
    whole = {ALL: set(draft.hosts)}
    for name in reversed(order):
        if name != ALL:
            whole[name] = set(own[name]).union(*(whole.get(child, set()) for child in groups[name].children))
    return {name: groups[name].model_copy(update={"hosts": tuple(h for h in draft.hosts if h in whole[name])}) for name in order}


def descendants(name: str, groups: Mapping[str, Group]) -> set[str]:
    """All groups below one; everything is below `all`."""
    if name == ALL:
        return set(groups) - {ALL}
    found: set[str] = set()
    waiting = list(groups[name].children)
    while waiting:
        child = waiting.pop()
        if child in groups and child not in found:
            found.add(child)
            waiting += groups[child].children
    return found


def _own_hosts(group: Group, draft: Draft, faults: Faults) -> Iterable[str]:
    names = draft.names("hosts")
    found: list[str] = []
    for number, word in enumerate(group.hosts):
        path = ("groups", group.name, "hosts", number)
        try:
            found += select(word, names, {})
        except UsageError as error:
            faults.add(draft.tree.place(path), path, error.message.replace("host or group", "host"))
    return found


def _check_children(draft: Draft, groups: Mapping[str, Group], faults: Faults) -> None:
    names = draft.names("groups")
    for group in groups.values():
        for number, child in enumerate(group.children):
            path = ("groups", group.name, "children", number)
            if child not in names:
                faults.add(draft.tree.place(path), path, f"no group is called {child!r}{did_you_mean(child, names)}")
            elif child in groups and (group.name == child or group.name in descendants(child, groups)):
                faults.add(
                    draft.tree.place(path),
                    path,
                    f"the group {child!r} holds {group.name!r} itself: a group cannot be inside itself",
                )


def _parents_first(groups: Mapping[str, Group]) -> list[str]:
    order = [ALL]
    waiting = [name for name in groups if name != ALL]
    while waiting:
        inside = {child for name in waiting for child in groups[name].children}
        ready = next((name for name in waiting if name not in inside), waiting[0])  # a circle, a fault already, still ends
        order.append(ready)
        waiting.remove(ready)
    return order
