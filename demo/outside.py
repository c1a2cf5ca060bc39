"""What is outside of the team's own hosts, on a host of the lab: an authority for certificates, as Let's Encrypt is one."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

import yaml

from demo.commands import ENVIRONMENT
from windlass.lab import Lab, authority

HOST = "internet"


@dataclass(frozen=True, slots=True)
class Outside:
    """The host that stands for the internet, and the project whose inventory is told of it."""

    project: Path
    lab: Lab

    @property
    def settings(self) -> Path:
        """The part of the inventory that is made anew with each lab; not in git."""
        return self.project / "inventories" / ENVIRONMENT / "outside.yml"

    def open_authority(self, name: str, addresses: list[str]) -> Path:
        """Start an authority to which this name leads to these addresses; the file with the certificates that it signs with."""
        server, chain, key = authority.certificate_for(HOST)
        authority.start(self.shell, chain, key, {name: addresses})
        self.tell({"certificates": {"directory": f"https://{HOST}:14000/dir", "directory_authority": server}})
        believed = self.project / "build" / ENVIRONMENT / "authority.pem"
        believed.parent.mkdir(parents=True, exist_ok=True)
        believed.write_text(self.shell("curl -skf https://localhost:15000/roots/0"), encoding="utf-8")
        return believed

    def tell(self, variables: dict[str, object]) -> None:
        """Let the inventory know what is where."""
        about = "# Written by `make demo`: the world outside of this lab.\n"
        self.settings.write_text(about + yaml.safe_dump({"variables": variables}), encoding="utf-8")

    def shell(self, script: str) -> str:
        """What a script prints that runs there as root."""
        command = self.lab.ssh(HOST, shlex.join(["sudo", "bash", "-ec", script]))
        return subprocess.run(command.arguments, check=True, capture_output=True, text=True).stdout
