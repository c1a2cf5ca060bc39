"""Which database migrations a release brings, by the names of their files, as the common tools keep them."""

from __future__ import annotations

import re
import tarfile
from pathlib import Path

_MIGRATION = re.compile(
    r"(?:^|/)(?:migrations/(?!env\.py|__init__\.py)(?P<sequelize>[^/]+)\.(?:c?js|mjs|ts|sql|py)|prisma/migrations/(?P<prisma>[^/]+)/migration\.sql|"
    r"(?:alembic/|migrations/)?versions/(?P<alembic>[^/]+)\.py)$"
)


def migrations_in(tar: Path) -> tuple[str, ...]:
    """The migrations in a source, sorted by name: Sequelize's, TypeORM's, Knex's, Prisma's, Alembic's."""
    with tarfile.open(tar) as archive:
        found = (_MIGRATION.search(name) for name in archive.getnames())
        return tuple(sorted({match["sequelize"] or match["prisma"] or match["alembic"] for match in found if match}))
