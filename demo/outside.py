"""What is outside of the team's own hosts, on a host of the lab: an authority for certificates, as Let's Encrypt is one, and a
storage that speaks S3."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import yaml

from demo.commands import ENVIRONMENT
from windlass.lab import Lab, authority

TOP = Path(__file__).parent.parent
HOST = "internet"
KEYS = ("storage_access_key", "storage_secret_key")
BUCKET, STORAGE_PORT = "our-backups", 9000
# What all of moto's services need is much more than a server of S3 does.
PACKAGES = ("moto[s3]", "flask", "flask-cors")
SERVE = (
    "systemd-run --quiet --unit=storage --setenv=PYTHONPATH=/opt/storage"
    f" python3 -W ignore -m moto.server -H 0.0.0.0 -p {STORAGE_PORT}"
)
VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"
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

    @property
    def backup_key(self) -> Path:
        """The file with the private key that the off-site backups are encrypted to."""
        return self.believed.with_name("backup-key.txt")

    def open(self, name: str, addresses: list[str]) -> None:
        """Start both, unless they run. To the authority this name leads to these addresses."""
        if self.settings.exists() and self.shell("systemctl is-active pebble || true").strip() == "active":
            return
        server, chain, key = authority.certificate_for(HOST)
        authority.start(self.shell, chain, key, {name: addresses})
        self._install_storage()
        self.shell(SERVE)
        root = self.shell("curl -skf https://localhost:15000/roots/0")
        self.believed.parent.mkdir(parents=True, exist_ok=True)
        self.believed.write_text(root, encoding="utf-8")
        self.tell({"directory": f"https://{HOST}:14000/dir", "directory_authority": server + root, "grade_paths": ERRORS})

    def open_bucket(self) -> None:
        """Wait until the storage is there, and have the bucket made."""
        self.shell(f"until curl -sf -o /dev/null -X PUT localhost:{STORAGE_PORT}/{BUCKET}; do sleep 0.2; done")

    def stored(self) -> dict[str, str]:
        """What the bucket holds: by name, the first bytes of it as text."""
        names = re.findall("<Key>(.*?)</Key>", self.shell(f"curl -sf localhost:{STORAGE_PORT}/{BUCKET}"))
        head = "curl -sf localhost:{}/{}/{} | head -c 21 | tr -c '[:print:]' ."
        return {name: self.shell(head.format(STORAGE_PORT, BUCKET, shlex.quote(name))) for name in names}

    def tell(self, certificates: dict[str, object]) -> None:
        """Let the inventory know what is where, and whom the off-site backups are encrypted to."""
        self.backup_key.unlink(missing_ok=True)
        made = subprocess.run(["age-keygen", "-o", str(self.backup_key)], check=True, capture_output=True, text=True)
        bucket = {
            "bucket": BUCKET,
            "endpoint": f"http://{self.lab.hosts[HOST].address}:{STORAGE_PORT}",
            "access_key": "{{ secrets.storage_access_key }}",
            "secret_key": "{{ secrets.storage_secret_key }}",
        }
        told = {
            "variables": {"certificates": certificates},
            "stores": {"offsite": {"s3": bucket}},
            "secrets": {name: {"description": "of the storage outside", "generate": 20} for name in KEYS},
            "backups": {
                "tickets-offsite": {
                    "database": "tickets",
                    "host": "web1",
                    "stores": ["offsite"],
                    "recipients": [made.stderr.split()[-1]],
                }
            },
        }
        about = "# Written by `make demo`: the world outside of this lab.\n"
        self.settings.write_text(about + yaml.safe_dump(told, sort_keys=False), encoding="utf-8")

    def _install_storage(self) -> None:
        """Get the packages here, for the host's Python, and bring them there: pip and its environment would take that host's
        processor half a minute."""
        python = self.shell(f"python3 -c {shlex.quote(VERSION)}").strip()
        with tempfile.TemporaryDirectory(prefix="windlass-storage-") as folder:
            install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-config", "--only-binary=:all:"]
            target = [f"--target={folder}", f"--python-version={python}", f"--python-platform={os.uname().machine}-manylinux_2_28"]
            locked = [f"--constraints={TOP / 'requirements.lock'}"]
            subprocess.run([*install, *target, *locked, *PACKAGES], check=True, capture_output=True)
            packed = subprocess.run(["tar", "-C", folder, "-cf", "-", "."], check=True, capture_output=True).stdout
        self._run("mkdir -p /opt/storage && tar -C /opt/storage --no-same-owner -xf -", packed)

    def shell(self, script: str) -> str:
        """What a script prints that runs there as root."""
        return self._run(script, b"").decode()

    def _run(self, script: str, given: bytes) -> bytes:
        command = self.lab.ssh(HOST, shlex.join(["sudo", "bash", "-ec", script]))
        return subprocess.run(command.arguments, input=given, check=True, capture_output=True).stdout
