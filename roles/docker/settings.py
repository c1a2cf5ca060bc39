"""The settings of the role docker; what they mean and their values are in defaults.yml."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import model_validator

from windlass.inventory.schema import Entry, Matching, Template

DebianPackage = Annotated[str, Matching(r"[a-z0-9][a-z0-9+.-]+", "the name of a Debian package such as docker.io")]
LogDriver = Annotated[str, Matching(r"|[a-z0-9][a-z0-9._/:-]*", "one of Docker's log drivers such as json-file")]
FORMS: Final = {  # of options that Docker reads as numbers
    "max-size": Matching(r"[1-9]\d*[kmg]?", "a size such as 10m"),
    "max-file": Matching(r"[1-9]\d*", "a number of files such as 3"),
}
ROTATING: Final = ("json-file", "local")


class Settings(Entry):
    """See defaults.yml."""

    packages: tuple[DebianPackage, ...]
    log_driver: LogDriver
    log_options: Mapping[str, Template]

    @model_validator(mode="after")
    def _fits(self) -> Settings:
        """What Docker does not take it would tell at its next start, which may be a boot, and then it would not run."""
        given = [name for name in FORMS if name in self.log_options]
        for name in given:
            FORMS[name].check(self.log_options[name])
        if given and self.log_driver and self.log_driver not in ROTATING:
            raise ValueError(f"the driver {self.log_driver} takes no {given[0]}: give `log_options` that it knows, or {{}}")
        if self.log_driver == "json-file" and given == ["max-file"]:
            raise ValueError("`max-file` means nothing without `max-size`: give both in `log_options`")
        return self
