"""The settings of the role app; what they mean and their values are in defaults.yml."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from windlass.inventory.schema import Entry, Matching


class Settings(Entry):
    """See defaults.yml."""

    open_files: Annotated[int, Field(ge=1024, le=1_048_576)]
    log_size: Annotated[str, Matching(r"[1-9]\d*[kMG]", "a size such as 100M")]
    log_keep: Annotated[int, Field(ge=1, le=1000)]
