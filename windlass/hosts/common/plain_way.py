"""Whether a host is reached plainly: at its address, over nobody, with a key as it is in a file or in ssh-agent.

libssh2 carries no more than that. What the user's ssh_config says of a host is asked of Paramiko, where it says anything.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final

from windlass.hosts.common import ssh_files
from windlass.hosts.common.target import Target

OF_WEIGHT: Final = ("hostname", "user", "port", "identity", "certificate", "proxy")  # how words begin that say how to get there


def is_plain(target: Target) -> bool:
    """Whether no jump host, no certificate and no word of ssh_config is needed to get there."""
    certificate = target.private_key and target.private_key.with_name(f"{target.private_key.name}-cert.pub").exists()
    return not (target.jump or certificate or _configured(target.address))


@lru_cache(maxsize=4096)
def _configured(address: str) -> bool:
    """Whether ssh_config says of this address how to get there."""
    if not ssh_files.mention(OF_WEIGHT, ssh_files.files()):
        return False
    import paramiko  # noqa: PLC0415 - most people's files say nothing of the kind

    config = paramiko.SSHConfig()
    for path in (Path("~/.ssh/config").expanduser(), ssh_files.CONFIGURATION):  # those that Fabric reads
        if path.is_file():
            with path.open(encoding="utf-8", errors="replace") as lines:
                config.parse(lines)
    said = config.lookup(address)
    return any(word.startswith(OF_WEIGHT) and (word, value) != ("hostname", address) for word, value in said.items())
