"""The peers, each in an environment of its own under build/, in the versions that are compared with.

All of these run with Debian's Python 3.11, so that the figures can be measured on a machine that has no other.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from benchmarks.peers.ground import FOLDER

UV = Path(sys.executable).parent / "uv"
OLDEST, NEWEST = 11, 13  # Pythons with which all of them work
REQUIREMENTS = {
    "ansible": ("ansible-core==2.19.4", "mitogen==0.3.54"),
    "pyinfra": ("pyinfra==3.10.0",),
    "fabric": ("fabric==3.2.3", "jinja2==3.1.6", "paramiko==4.0.0"),
}


@cache
def programs(peer: str) -> Path:
    """The folder with a peer's programs; installed when it is first asked for. Raises CalledProcessError."""
    folder = FOLDER / "installed" / peer
    wanted = " ".join((*REQUIREMENTS[peer], _python()))
    note = folder / "installed.txt"
    if not note.exists() or note.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([UV, "venv", "-q", "--python", _python(), folder], check=True)
        subprocess.run(
            [UV, "pip", "install", "-q", "--compile-bytecode", "--python", folder / "bin" / "python", *REQUIREMENTS[peer]],
            check=True,
        )
        note.write_text(wanted)
    return folder / "bin"


@cache
def _python() -> str:
    """The newest Python found here that all peers work with."""
    for minor in range(NEWEST, OLDEST - 1, -1):
        places = [
            shutil.which(f"python3.{minor}"),
            *sorted(map(str, Path("/root/.pyenv/versions").glob(f"3.{minor}.*/bin/python3"))),
        ]
        for place in filter(None, places):
            if subprocess.run([place, "-c", "import ssl, venv"], capture_output=True, check=False).returncode == 0:
                return place
    return sys.executable


def mitogen_settings() -> dict[str, str]:
    """What makes Ansible run by Mitogen's strategy."""
    (plugins,) = (programs("ansible").parent / "lib").glob("python3*/site-packages/ansible_mitogen/plugins/strategy")
    return {"ANSIBLE_STRATEGY": "mitogen_linear", "ANSIBLE_STRATEGY_PLUGINS": str(plugins)}
