"""Whether PostgreSQL would take a value: its own program says so, of a configuration in which nothing else stands. For a check."""

from __future__ import annotations

import os
import re
import shutil

from windlass.agent.core import process, temporary
from windlass.agent.core.outcome import OperationError
from windlass.agent.core.psql import USER

NEVER = ("config_file", "data_directory")  # what ALTER SYSTEM keeps of no server
STAMP = re.compile(r"^\d{4}-\S+ \S+ \S+ \[\d+\] ")
NOISE = ("skipping missing", "contains errors")


def is_taken(program: str, name: str, value: str) -> bool:
    """Whether that is certain; not for settings of extensions, of which the program knows nothing. Raises OperationError."""
    if name in NEVER:
        raise OperationError("PostgreSQL refused it", last_lines=['parameter "%s" cannot be changed' % name])
    if "." in name or not os.access(program, os.X_OK):
        return False
    with temporary.folder("postgres") as folder:
        path = os.path.join(folder, "postgresql.conf")
        with open(path, "w", encoding="utf-8") as handle:
            handle.write("%s = '%s'\n" % (name, value.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n")))
        for each in (path, folder):
            shutil.chown(each, USER)
        tried = process.run([program, "-D", folder, "-C", name], USER, limit=60)
    if tried.status != 0:
        said = [STAMP.sub("", line) for line in tried.last_lines(6)]
        raise OperationError("PostgreSQL refused it", last_lines=[line for line in said if not any(each in line for each in NOISE)])
    return True
