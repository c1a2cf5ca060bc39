"""Where everything of an application is on a host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Slot = Literal["blue", "green"]
SLOTS: tuple[Slot, Slot] = ("blue", "green")


def other(slot: str) -> Slot:
    """The slot that is not this one; blue if there is none yet."""
    return "green" if slot == "blue" else "blue"


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one application. `live` is a link to the slot that serves; nginx reaches the sockets through it."""

    application: str

    @property
    def root(self) -> str:
        return f"/srv/{self.application}"

    @property
    def live(self) -> str:
        return f"{self.root}/live"

    @property
    def shared(self) -> str:
        return f"{self.root}/shared"

    @property
    def run(self) -> str:
        """Sockets and process ids; gone after a reboot, made again at boot."""
        return f"/run/{self.application}"

    @property
    def locks(self) -> str:
        """Where what must not run twice holds a lock, whichever slot it is in."""
        return f"{self.run}/locks"

    def lock(self, name: str) -> str:
        return f"{self.locks}/{name}"

    @property
    def logs(self) -> str:
        return f"/var/log/{self.application}"

    def release(self, release: str) -> str:
        return f"{self.root}/releases/{release}"

    def slot(self, slot: str) -> str:
        return f"{self.root}/slots/{slot}"

    def launcher(self, slot: str, instance: str) -> str:
        return f"{self.slot(slot)}/{instance}"

    def run_of(self, slot: str, instance: str) -> str:
        """What the files of a running instance begin with: `.pid`, `.starts`, `.sock`."""
        return f"{self.run}/{slot}/{instance}"

    def run_of_process(self, name: str) -> str:
        """The same by the name that its supervisor knows it by."""
        slot, _dash, instance = name.removeprefix(f"{self.application}-").partition("-")
        return self.run_of(slot, instance)

    def socket(self, slot: str, instance: str) -> str:
        return f"{self.run_of(slot, instance)}.sock"

    def live_socket(self, instance: str) -> str:
        """The socket as nginx names it: through `live` and the slot's link `run`."""
        return f"{self.live}/run/{instance}.sock"

    def upstream(self, slot: str) -> str:
        """The servers of a slot for nginx, where they are known by port."""
        return f"{self.slot(slot)}/upstream.conf"

    @property
    def live_site(self) -> str:
        """The files of the live slot's release, where they are all there is."""
        return f"{self.live}/site"

    @property
    def union(self) -> str:
        """The files with hashed names of all releases that are kept: a page of an earlier one still finds its own."""
        return f"{self.root}/union"

    def log(self, slot: str, instance: str) -> str:
        return f"{self.logs}/{slot}-{instance}.log"

    def process_name(self, slot: str, instance: str) -> str:
        """The name of an instance, whatever supervises it."""
        return f"{self.application}-{slot}-{instance}"

    @property
    def unit(self) -> str:
        """The template unit of systemd that its processes are instances of. What follows its `@` is no part of another's name."""
        return f"windlass-{self.application}"
