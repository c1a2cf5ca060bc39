"""Languages that a host knows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from windlass.errors import InventoryError
from windlass.operations.operation import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Locale(Operation):
    """Locales that are generated, and the one that sessions begin with. The package `locales` has to be there.

    names    such as "de_DE.UTF-8"; further ones that are there stay
    default  LANG of new sessions; empty leaves it as it is. "C.UTF-8" is always there
    """

    family: ClassVar[str] = "locale"

    names: tuple[str, ...] = ()
    default: str = ""

    def __post_init__(self) -> None:
        for name in (*self.names, *([self.default] if self.default else [])):
            if not re.fullmatch(r"[A-Za-z_]+(\.[A-Za-z0-9-]+)?(@[a-z]+)?", name):
                raise InventoryError(f"{name!r} is not a locale", hint='for example "de_DE.UTF-8"')
        if not self.names and not self.default:
            raise InventoryError("a Locale without names and default asks for nothing")

    def title(self) -> str:
        return f"locale {', '.join(self.names) or self.default}"
