"""What a role sees of the world: its host, all the others, and what it may ask for. Values only, nothing is done here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from windlass.values import Secret

if TYPE_CHECKING:
    from windlass.inventory import Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the inventory cannot know about where a host stands. All of it is empty or true for a real one.

    npm_registry  the npm registry that the host can reach
    ssh_network   the network that SSH comes from, whatever the inventory says
    own_kernel    whether the host may change settings of its kernel
    """

    npm_registry: str = ""
    ssh_network: str = ""
    own_kernel: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class HostView:
    """The host that a role says something about, and the environment around it.

    address          where the host is reached by us
    private_address  where the other hosts of the environment reach it
    labels           what the inventory says about it besides
    environment      all hosts, groups, roles and settings
    secret           gives a secret by name; raises InventoryError where it is not there
    template         gives the text of a template by `role/file`, the user's own before the one that comes with Windlass;
                     raises UsageError where it is not there
    surroundings     what is different where the host is a twin in the lab
    """

    name: str
    address: str
    private_address: str
    labels: Mapping[str, str]
    environment: Environment
    secret: Callable[[str], Secret]
    template: Callable[[str], str]
    surroundings: Surroundings = Surroundings()
