"""The settings of the role nginx; what they mean and their values are in defaults.yml."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from windlass.inventory.schema import Entry

Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[int, Field(ge=1, le=3600)]


class Settings(Entry):
    """See defaults.yml."""

    worker_connections: Annotated[int, Field(ge=64, le=1_000_000)]
    keepalive_seconds: Seconds
    keepalive_requests: Count
    gzip: bool
    ipv6: bool
    balancer_keepalive: Count
    connect_seconds: Seconds
    max_fails: Annotated[int, Field(ge=0)]
    fail_seconds: Seconds
