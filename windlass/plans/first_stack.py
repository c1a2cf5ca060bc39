"""What a stack of Docker Compose needs of an inventory, from its compose.yml: doors, values and secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

_PORT: Final = re.compile(r"(?:(\[[^]]+\]|\d+(?:\.\d+){3}):)?(?:(\d+)(?:-\d+)?:)?\d+(?:-\d+)?(?:/(tcp|udp))?")
_VARIABLE: Final = re.compile(r"(?<!\$)\$(?:\{(\w+)(?::?([-?+])([^}]*))?\}|([A-Za-z_]\w*))")
_NAME: Final = re.compile(r"[A-Za-z_]\w*")
_SECRET: Final = re.compile(r"PASS|SECRET|TOKEN|KEY|CREDENTIAL")
_LOOPBACK: Final = ("127.", "[::1]", "::1", "localhost")


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A port that a service publishes to everybody."""

    port: int
    service: str
    protocol: str = "tcp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """What goes into the inventory. `variables` and `secrets` are names in its .env; `doubts` a person should look at first."""

    doors: tuple[Door, ...] = ()
    variables: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def stack_of(text: str, content: object, paths: tuple[str, ...]) -> Stack:
    """`content` is what `text` says as YAML; `paths` are the files beside it."""
    services = mapping(mapping(content).get("services"))
    doors, doubts = [], []
    for name, service in services.items():
        for said in _list(mapping(service).get("ports")):
            door, doubt = _door(str(name), said)
            doors += [door] if door else []
            doubts += [doubt] if doubt else []
        doubts += [f"{each} is not in the repository: what it holds goes into stack.environment and stack.secrets, and compose.yml "
                   "says `env_file: .env`" for each in _files(mapping(service)) if each not in (".env", *paths)]  # fmt: skip
    if not doors:
        doubts.append("no service publishes a port for everybody: who is to reach it, and how?")
    names = tuple(dict.fromkeys((*_asked(text), *_passed_on(services))))
    secrets = tuple(name for name in names if _SECRET.search(name.upper()))
    variables = tuple(name for name in names if name not in secrets)
    doubts += [f"stack.environment: what is {name} to be?" for name in variables]
    return Stack(doors=tuple(dict.fromkeys(doors)), variables=variables, secrets=secrets, doubts=tuple(dict.fromkeys(doubts)))


def _door(service: str, said: object) -> tuple[Door | None, str]:
    """What one entry of `ports` opens to everybody, or why that is not known."""
    if isinstance(said, Mapping):
        host, published, protocol = (str(said.get(key, "")) for key in ("host_ip", "published", "protocol"))
    else:
        found = _PORT.fullmatch(_filled(str(said)))
        host, published, protocol = (part or "" for part in found.groups()) if found else ("", "", "")
    if host.startswith(_LOOPBACK):
        return None, ""
    number = re.match(r"\d+$", _filled(published))
    if not number:
        return None, f"{service}: which port does {said} publish? one that is fixed can be opened, in firewall.openings"
    return Door(port=int(number[0]), service=service, protocol=protocol or "tcp"), ""


def _filled(text: str) -> str:
    """With the defaults of its variables."""
    return _VARIABLE.sub(lambda found: (found[3] or "") if found[2] == "-" else found[0], text)


def _asked(text: str) -> Iterator[str]:
    """The variables that need a value."""
    lines = "\n".join(line for line in text.split("\n") if not line.lstrip().startswith("#"))
    for found in _VARIABLE.finditer(lines):
        if found[2] in (None, "?"):
            yield found[1] or found[4]


def _passed_on(services: Mapping[Any, Any]) -> Iterator[str]:
    """The variables that containers get as .env has them, by name alone: `environment: [DATABASE_URL]`."""
    for service in services.values():
        said = mapping(service).get("environment")
        if isinstance(said, Mapping):
            yield from (str(name) for name, value in said.items() if value is None)
        yield from (name for name in map(str, _list(said)) if _NAME.fullmatch(name))


def _files(service: Mapping[str, Any]) -> list[str]:
    said = service.get("env_file")
    entries = said if isinstance(said, list) else [said] if said else []
    return [str(mapping(each).get("path", "")) if isinstance(each, Mapping) else str(each).removeprefix("./") for each in entries]


def mapping(said: object) -> Mapping[str, Any]:
    """The same where it is one, else an empty one."""
    return said if isinstance(said, Mapping) else {}


def _list(said: object) -> list[Any]:
    return said if isinstance(said, list) else []
