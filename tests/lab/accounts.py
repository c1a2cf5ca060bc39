"""Operations on accounts that get into each other's way, drawn by lot."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any, Final

from windlass.errors import InventoryError
from windlass.operations.authorized_key import AuthorizedKey
from windlass.operations.cron import Cron
from windlass.operations.directory import Directory
from windlass.operations.file import File
from windlass.operations.group import Group
from windlass.operations.operation import Operation
from windlass.operations.sudoers import Sudoers
from windlass.operations.user import User
from windlass.values import Secret

USERS: Final = ("windlass-x", "windlass-y")
GROUPS: Final = ("windlass-p", "windlass-q", "windlass-x")
KEYS: Final = tuple(f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{letter * 43}" for letter in "ab")
NOBODY_YET: Final = "; ".join(
    [
        *(f"userdel -rf {name} 2>/dev/null || true" for name in (*USERS, *GROUPS)),  # whom cases leave, too
        *(f"groupdel {name} 2>/dev/null || true" for name in (*GROUPS, *USERS)),
        "rm -rf /home/windlass-* /srv/windlass-lot /etc/cron.d/windlass-lot /etc/sudoers.d/windlass-lot; mkdir /srv/windlass-lot",
    ]
)
FURNITURE: Final = (
    "useradd -m windlass-x",
    "useradd -m -u 701 -s /bin/bash windlass-y",
    "groupadd -g 711 windlass-p",
    "groupadd windlass-q; useradd -m -g windlass-q -G windlass-q windlass-y",
    "groupadd windlass-p; useradd -G windlass-p -e 2031-02-03 windlass-x; echo 'windlass-x:$6$a$b' | chpasswd -e",
    "useradd -m -s /nowhere/sh windlass-x; groupadd windlass-q; useradd -M -N -g windlass-q windlass-y; groupdel -f windlass-q",
    "useradd -M windlass-x; touch /home/windlass-x; useradd -M windlass-y; ln -s nowhere /home/windlass-y",
    "useradd -m windlass-x; touch /home/windlass-x/.ssh; useradd -m windlass-y; mkdir -p /home/windlass-y/.ssh/authorized_keys",
    "useradd -m windlass-x; sed -i /^windlass-x:/d /etc/shadow",
    "ln -s nowhere /etc/sudoers.d/windlass-lot; mkdir /etc/cron.d/windlass-lot",
    "true",
)


def _user(lot: random.Random) -> Operation:
    choices: dict[str, tuple[Any, ...]] = {
        "uid": (None, None, 701, 702),
        "group": ("", "", "", *GROUPS),
        "groups": (None, None, (), ("windlass-p",), ("windlass-p", "windlass-q")),
        "only_groups": (False, True),
        "home": ("", "", "/home/windlass-z"),
        "shell": ("", "", "/bin/sh", "/bin/bash"),
        "comment": (None, None, "A"),
        "locked": (None, None, True, False),
        "expires": ("", "", "2031-02-03", "never"),
        "create_home": (True, False),
        "password_hash": (None, None, Secret("$6$a$b"), Secret("$6$a$c")),
        "password_once": (False, True),
    }
    return User(name=lot.choice(USERS), **{name: lot.choice(values) for name, values in choices.items()})


MAKERS: Final[tuple[Callable[[random.Random], Operation], ...]] = (
    _user,
    _user,
    _user,
    lambda lot: User(name=lot.choice(USERS), absent=True, remove_home=lot.random() < 0.5),
    lambda lot: Group(name=lot.choice(GROUPS), gid=lot.choice((None, 711, 712))),
    lambda lot: Group(name=lot.choice(GROUPS), gid=lot.choice((None, 711, 712))),
    lambda lot: Group(name=lot.choice(GROUPS), absent=True),
    lambda lot: AuthorizedKey(user=lot.choice(USERS), key=lot.choice(KEYS), absent=lot.random() < 0.2),
    lambda lot: Cron(name="windlass-lot", user=lot.choice(USERS), command="true", schedule="@daily"),
    lambda lot: Sudoers(name="windlass-lot", user=lot.choice(USERS), commands=("/bin/true",)),
    lambda lot: Sudoers(name="windlass-lot", group=lot.choice(GROUPS), commands=("/bin/true",)),
    lambda lot: File(path="/srv/windlass-lot/f", content="x", owner=lot.choice(USERS), group=lot.choice(GROUPS)),
    lambda lot: Directory(path=f"/home/{lot.choice(USERS)}", owner=lot.choice(USERS), group=lot.choice(GROUPS), mode="0700"),
)


def some_operations(lot: random.Random) -> Iterator[Operation]:
    for _each in range(lot.randrange(3, 7)):
        try:
            yield lot.choice(MAKERS)(lot)
        except InventoryError:
            continue
