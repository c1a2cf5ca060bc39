"""What the surroundings say: the environment, read once."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Addresses of the database and of Redis, and who this is."""

    database_url: str
    redis_url: str
    release: str
    slot: str


def read() -> Settings:
    """Read the environment. Raises KeyError with the name of a variable that is missing."""
    return Settings(
        database_url=os.environ["DATABASE_URL"],
        redis_url=os.environ["REDIS_URL"],
        release=os.environ.get("RELEASE") or "development",
        slot=os.environ.get("SLOT", ""),
    )
