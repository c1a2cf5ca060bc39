"""The settings of the role nodejs; what they mean and their values are in defaults.yml."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import model_validator

from windlass.inventory.schema import Entry, Matching

ExactVersion = Annotated[str, Matching(r"\d+\.\d+\.\d+", "one exact version such as 22.23.3")]
WebAddress = Annotated[str, Matching(r"|https?://[^\s'\"]+", "an address that begins with https:// (or http://)")]
NEEDED: Mapping[str, tuple[str, ...]] = {"tarball": ("tarball_url", "tarball_sha256"), "nodesource": ("apt_source", "apt_key")}


class Settings(Entry):
    """See defaults.yml."""

    source: Literal["npm", "tarball", "nodesource", "debian"]
    version: ExactVersion
    npm_version: ExactVersion
    architecture: Literal["x64", "arm64"]
    registry: WebAddress
    integrity: Mapping[str, str]
    tarball_url: WebAddress
    tarball_sha256: Annotated[str, Matching(r"|[0-9a-f]{64}", "64 hexadecimal digits")]
    apt_source: str
    apt_key: str
    apt_version: str
    pm2_version: ExactVersion

    @model_validator(mode="after")
    def _complete(self) -> Settings:
        missing = [name for name in NEEDED.get(self.source, ()) if not getattr(self, name)]
        if missing:
            raise ValueError(f"`source: {self.source}` needs {' and '.join(missing)} too")
        wanted = (f"node-linux-{self.architecture}@{self.version}", f"npm@{self.npm_version}") if self.source == "npm" else ()
        unknown = [name for name in wanted if name not in self.integrity]
        if unknown:
            raise ValueError(f"`integrity` lacks {' and '.join(unknown)} (`npm view <package>@<version> dist.integrity` shows it)")
        return self
