"""What pg_dumpall says of roles, and what of that is needed where some of them exist."""

from __future__ import annotations

import re
from typing import Collection, Iterable, List, Tuple

_NAME = r'(?:"(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)'
_CREATE = re.compile(r"CREATE ROLE (%s);" % _NAME)
_ABOUT = re.compile(r"(?:ALTER ROLE (%s) |GRANT %s TO (%s)[ ;])" % (_NAME, _NAME, _NAME))


def missing(lines: Iterable[str], there: Collection[str]) -> Tuple[List[str], List[str]]:
    """Names of the roles that are not there, as SQL wants them, and the statements that make them; `there` is quoted the same way.

    A statement about a role that is there is left out, whatever it says, and so is what is not about roles.
    """
    made: List[str] = []
    statements = []
    for line in lines:
        created, about = _CREATE.match(line), _ABOUT.match(line)
        name = created.group(1) if created else about.group(1) or about.group(2) if about else ""
        if created and name not in there:
            made.append(name)
        if name in made:
            statements.append(line.rstrip("\n"))
    return made, statements
