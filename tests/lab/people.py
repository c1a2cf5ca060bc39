"""What tests of the way in begin with: people on a host whom the lab's key lets in, and a project that leads there."""

from __future__ import annotations

from pathlib import Path

from tests.unit.sample_project import HOSTS, write_project
from windlass.hosts.common.target import Target
from windlass.values import Secret


def person(name: str, password: Secret, *sudoers: str) -> str:
    """A shell script that makes somebody with a password and with what sudo is to know of them."""
    lines = "".join(f"{line}\\n" for line in sudoers)
    return f"""
useradd --create-home --shell /bin/bash {name}
echo '{name}:{password.reveal()}' | chpasswd
printf '{lines}' > /etc/sudoers.d/{name}
install -d -m 700 -o {name} -g {name} /home/{name}/.ssh
install -m 600 -o {name} -g {name} /home/deploy/.ssh/authorized_keys /home/{name}/.ssh/
"""


def project_for(folder: Path, target: Target) -> Path:
    """A project whose `web1` in staging is this host, with the key that opens it in the user's ssh_config."""
    project = write_project(folder)
    entry = f"web1: {{address: {target.address}, user: {target.user}}}"
    text = HOSTS.replace("web1: {address: 127.0.0.1, port: 1}", entry)
    (project / "inventories/staging/hosts.yml").write_text(
        text.replace("confirm: false", f"confirm: false, known_hosts: {target.known_hosts}")
    )
    (project / ".ssh").mkdir()
    (project / ".ssh/config").write_text(f"Host *\n IdentityFile {target.private_key}\n")
    return project
