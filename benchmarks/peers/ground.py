"""Where the peers meet: hosts of the lab, a folder with the same work in each tool's words, and counters of bytes."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from windlass import lab
from windlass.values import Command

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "build" / "peers"
NAME = "peers"
PACKAGES = "cron curl nginx-light python3-apt rsync"  # python3-apt is what Ansible asks packages with
PREPARE = (
    f"dpkg-query -W {PACKAGES} >/dev/null 2>&1 || {{ apt-get -qq update; "
    f"DEBIAN_FRONTEND=noninteractive apt-get -qqy install --no-install-recommends {PACKAGES}; }} >/dev/null 2>&1; "
    "systemctl is-active nginx cron"
)


@dataclass(frozen=True, slots=True)
class At:
    """A host as a client finds it, here or behind a proxy."""

    name: str
    address: str
    port: int
    user: str


class Ground:
    """The lab's hosts, once they are ready, and the folder in which everything is kept (`build/peers`)."""

    def __init__(self, count: int) -> None:
        FOLDER.mkdir(parents=True, exist_ok=True)
        spec = lab.LabSpec(NAME, tuple(lab.HostSpec(name=f"peer{number + 1}") for number in range(count)))
        self.lab = lab.up(spec, root=FOLDER / "labs", say=_silent)
        self.key = FOLDER / "home" / ".ssh" / "id_ed25519"
        self.key.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.lab.private_key, self.key)
        self.key.chmod(0o600)
        self.hosts = tuple(At(host.name, host.address, host.port, host.user) for host in self.lab.hosts.values())
        self.known_hosts = FOLDER / "known_hosts"
        self.know(self.hosts)
        self.on_each(self.hosts, PREPARE)

    def know(self, places: Sequence[At]) -> None:
        """Write down the keys of hosts under the addresses at which they are found."""
        keys = self.lab.known_hosts.read_text().splitlines()
        lines = []
        for at in places:
            own = self.lab.hosts[at.name].address
            found = at.address if at.port == 22 else f"[{at.address}]:{at.port}"
            lines += [f"{found} {line.split(maxsplit=1)[1]}" for line in keys if own in line.split()[0].replace("[", "").split(",")]
        self.known_hosts.write_text("\n".join(lines) + "\n")

    def on_each(self, hosts: Sequence[At], script: str) -> None:
        """A shell script on each host, not through SSH and not measured. Raises RuntimeError where it fails."""

        def run(at: At) -> None:
            answer = lab.run_inside(self.lab.hosts[at.name], Command.of("/bin/bash", "-ec", script), limit=600)
            if answer.code:
                raise RuntimeError(f"{at.name}: {answer.text}{answer.stderr.decode(errors='replace')}")

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(run, hosts))

    @contextlib.contextmanager
    def counted(self) -> Iterator[list[int]]:
        """Bytes to and from all hosts while the block lasts."""
        with counted(self.lab.gateway) as counts:
            yield counts


@contextlib.contextmanager
def counted(gateway: str) -> Iterator[list[int]]:
    """Bytes to and from all hosts of a lab while the block lasts, headers included, as its bridge counts them."""
    bridge = _interface(gateway)
    before, counts = _bytes(bridge), [0, 0]
    yield counts
    counts[:] = [now - then for now, then in zip(_bytes(bridge), before, strict=True)]


def take_down() -> None:
    """The hosts go; what was installed for the peers stays."""
    lab.down(NAME, root=FOLDER / "labs", say=_silent)


def _interface(address: str) -> str:
    shown = subprocess.run(["ip", "-json", "address"], capture_output=True, check=True)
    for interface in json.loads(shown.stdout):
        if any(each.get("local") == address for each in interface["addr_info"]):
            return str(interface["ifname"])
    raise RuntimeError(f"no interface has {address}")


def _bytes(interface: str) -> list[int]:
    """Sent to hosts, received from them."""
    statistics = Path("/sys/class/net") / interface / "statistics"
    return [int((statistics / name).read_text()) for name in ("tx_bytes", "rx_bytes")]


def seeded(path: Path, size: int) -> Path:
    """A file of random bytes, the same on every machine; made once."""
    if not path.exists() or path.stat().st_size != size:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(random.Random(path.name).randbytes(size))  # noqa: S311 - content, not a secret
    return path


def kept(path: Path, text: str) -> None:
    """Write a file, unless it says this already: nobody writes an inventory for each run, and one that is new is read anew."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def _silent(_line: str) -> None:
    """What counts are the figures."""
