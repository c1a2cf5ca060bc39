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
ERRORS = {"tickets": ["/assets/no-such-file.js"]}  # what the grader asks for besides, to see an error


@dataclass(frozen=True, slots=True)
class Outside:
    """The host that stands for the internet, and the project whose inventory is told of it."""

    project: Path
    lab: Lab

    @property
    def settings(self) -> Path:
        """The part of the inventory that is made anew with each lab; not in git."""
        return self.project / "inventories" / ENVIRONMENT / "outside.yml"

    @property
    def believed(self) -> Path:
        """The file with the certificates that the authority signs with."""
        return self.project / "build" / ENVIRONMENT / "authority.pem"

    def open_authority(self, name: str, addresses: list[str]) -> None:
        """Start an authority, unless one runs; to it this name leads to these addresses."""
        if self.settings.exists() and self.shell("systemctl is-active pebble || true").strip() == "active":
            return
        server, chain, key = authority.certificate_for(HOST)
        authority.start(self.shell, chain, key, {name: addresses})
        root = self.shell("curl -skf https://localhost:15000/roots/0")
        wishes = {"directory": f"https://{HOST}:14000/dir", "directory_authority": server + root, "grade_paths": ERRORS}
        self.tell({"certificates": wishes})
        self.believed.parent.mkdir(parents=True, exist_ok=True)
        self.believed.write_text(root, encoding="utf-8")

    def tell(self, variables: dict[str, object]) -> None:
        """Let the inventory know what is where."""
        about = "# Written by `make demo`: the world outside of this lab.\n"
        self.settings.write_text(about + yaml.safe_dump({"variables": variables}), encoding="utf-8")

    def shell(self, script: str) -> str:
        """What a script prints that runs there as root."""
        command = self.lab.ssh(HOST, shlex.join(["sudo", "bash", "-ec", script]))
        return subprocess.run(command.arguments, check=True, capture_output=True, text=True).stdout
