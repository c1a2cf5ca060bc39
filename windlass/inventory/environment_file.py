"""Writes environment variables so that a POSIX shell (`. file`) and dotenv readers read back exactly the same values."""

from __future__ import annotations

import re
from collections.abc import Mapping

from windlass.errors import InventoryError
from windlass.values import Secret

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def environment_file(values: Mapping[str, str | Secret]) -> Secret:
    """The lines `NAME='value'` of a file; a Secret, because the values often are.

    Raises InventoryError that names every variable whose value the readers would not agree about: a carriage return or a
    zero byte, a backslash at the end, or a single quote together with a backslash, dollar, backtick, double quote or new line.
    """
    lines: list[str] = []
    wrong: list[str] = []
    for name, value in values.items():
        try:
            lines.append(f"{_checked(name)}={_quoted(value.reveal() if isinstance(value, Secret) else value)}\n")
        except ValueError as error:
            wrong.append(f"{name}: {error}")
    if wrong:
        raise InventoryError(
            f"the environment file cannot hold {'this value' if len(wrong) == 1 else 'these values'}",
            hint="give the value in another form, base64 for example, or put it into a file of the application",
            last_lines=wrong,
        )
    return Secret("".join(lines))


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("is not a name for an environment variable: letters, digits and `_`")
    return name


def _quoted(value: str) -> str:
    if "\r" in value or "\0" in value:
        raise ValueError("has a carriage return or a zero byte, which not every reader keeps")
    if value.endswith("\\"):
        raise ValueError("ends with a backslash, which some readers take for a part of the closing quote")
    if "'" not in value:
        return f"'{value}'"
    if any(character in value for character in '\\$`"\n'):
        raise ValueError("has a single quote together with a backslash, `$`, backtick, double quote or new line")
    return f'"{value}"'
