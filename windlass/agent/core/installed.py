"""What dpkg knows of packages, and apt of why they are there."""

from __future__ import annotations

from typing import Dict, Iterable, List, Set, Tuple

from windlass.agent.core import process

STATES = "/var/lib/apt/extended_states"


class Installed:
    """What dpkg knows, asked once for all operations of a batch as long as none changes anything.

    versions  of what is there, by name and by name:architecture
    """

    def __init__(self) -> None:
        form = "${Package}\t${Architecture}\t${Version}\t${db:Status-Abbrev}\t${Essential}\t${Provides}\n"
        shown = process.must(["dpkg-query", "--show", "--showformat=" + form], limit=60)
        self.versions: Dict[str, str] = {}
        self.provided: Dict[str, str] = {}
        self.leftovers: List[str] = []
        self.broken: List[str] = []
        self.essential: Set[str] = set()
        self.own = ""
        for line in process.lines(shown.text):
            name, architecture, version, status, essential, provides = line.split("\t")
            self.own = architecture if name == "dpkg" else self.own
            self.essential.update([name] if essential == "yes" else ())
            self._add((name, "%s:%s" % (name, architecture)), version, status, provides)
        self.automatic = _automatic(self.own)

    def _add(self, names: Tuple[str, str], version: str, status: str, provides: str) -> None:
        state = status[1:2]
        if state == "i":
            self.versions.update(dict.fromkeys(names, version))
            self.provided.update((word.split()[0], names[0]) for word in provides.split(",") if word.strip())
        elif state == "c":
            self.leftovers += names
        elif state != "n":
            self.broken.append(names[0])

    def is_automatic(self, name: str) -> bool:
        """Whether it is there for others that need it alone, so that apt may remove it with them."""
        return name in self.versions and name not in self.essential and name in self.automatic

    def satisfies(self, wanted: str) -> bool:
        """Whether `name`, `name=version` or `name=1.*` is there; without a version a package that provides it will do."""
        name, _, version = wanted.partition("=")
        if version:
            import fnmatch  # noqa: PLC0415 - few versions are pinned

            return fnmatch.fnmatchcase(self.versions.get(name, ""), version)
        return name in self.versions or name in self.provided

    def packages(self) -> Dict[str, str]:
        """The version of each, by its name as apt shows it: with an architecture only if it is another than the machine's."""
        return {self.shown(name): version for name, version in self.versions.items() if ":" in name}

    def shown(self, wanted: str) -> str:
        """The name, as apt shows it, of what is asked for."""
        name, _, architecture = wanted.partition("=")[0].partition(":")
        return name if architecture in ("", "all", self.own) else "%s:%s" % (name, architecture)


def besides(before: Dict[str, str], after: Dict[str, str], asked: Iterable[str]) -> Tuple[str, str]:
    """What came, went and became of another version with what was asked for: what goes in words, and all of it as a diff."""
    others = sorted({name for name in [*before, *after] if before.get(name) != after.get(name)}.difference(asked))
    gone = [name for name in others if name not in after]
    came = [name for name in others if name not in before]
    other = [name for name in others if name in before and name in after]
    lines = ["-%s %s (goes with it)" % (name, before[name]) for name in gone]
    lines += ["+%s (comes with it)" % ", ".join(came)] if came else []
    lines += ["+%s (of another version with it)" % ", ".join(other)] if other else []
    return "with it goes %s" % ", ".join(gone) if gone else "", "\n".join(lines)


def _automatic(own: str) -> Set[str]:
    """What apt notes as installed for the sake of others; a bare name is one of the machine's own architecture."""
    import re  # noqa: PLC0415 - where all is there, nobody gets here

    blocks = re.findall(r"^Package: (\S+)\nArchitecture: (\S+)\nAuto-Installed: 1$", marks(), re.MULTILINE)
    return {name for name, architecture in blocks if architecture == own} | {"%s:%s" % block for block in blocks}


def marks() -> str:
    """apt's own notes."""
    try:
        with open(STATES, encoding="utf-8") as handle:
            return handle.read()
    except OSError:
        return ""
