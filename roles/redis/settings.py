"""The settings of the role redis; what they mean and their values are in defaults.yml."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict

from windlass.inventory.schema import Matching, SecretReference

Size = Annotated[str, Matching(r"\d+(?:kb|mb|gb)?", "a size such as 256mb or 2gb (0: no limit)")]


class Settings(BaseModel):
    """See defaults.yml. Here null is a value: no password."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    password: SecretReference | None
    maxmemory: Size
    maxmemory_policy: Literal["noeviction", "allkeys-lru", "allkeys-lfu", "volatile-lru", "volatile-lfu", "volatile-ttl"]
    appendonly: bool
    more: tuple[str, ...]
