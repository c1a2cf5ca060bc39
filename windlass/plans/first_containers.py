"""What an application in containers needs of an inventory, from its compose.yml: which service serves, works, or holds data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from windlass.plans.first_stack import mapping, stack_of

_PUBLISHES: Final = re.compile(r"127\.0\.0\.1:\$\{?PORT\b")
_DATA: Final = re.compile(r"(?:^|/)(postgres|postgis|mysql|mariadb|mongo|redis|valkey|rabbitmq|elasticsearch|minio)\b")
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,30}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contained:
    """The processes that go into the inventory, by the service that they are, and what in its environment. `doubts` a person should
    look at first."""

    web: str = "web"
    workers: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def contained_of(file: str, text: str, content: object) -> Contained:
    """`content` is what `text`, that of `file`, says as YAML."""
    services = {str(name): mapping(service) for name, service in mapping(mapping(content).get("services")).items()}
    data = tuple(name for name, service in services.items() if _DATA.search(str(service.get("image", ""))))
    own = [name for name in services if name not in data]
    web = next((name for name in own if services[name].get("ports")), own[0] if own else "web")
    workers = tuple(name for name in own if name != web and not _comes_along(name, services))
    asked = stack_of(text, {"services": {name: services[name] for name in own}}, ())
    variables = tuple(name for name in asked.variables if name not in ("PORT", "RELEASE"))
    return Contained(
        web=web,
        workers=workers,
        variables=variables,
        secrets=asked.secrets,
        doubts=(
            *_about_port(file, web, services),
            *(f"{name} holds data, and a slot is no place for them: take it out of {file}, for a role or a stack" for name in data),
            *(f"environment: what is {name} to be?" for name in variables),
            *(
                f"{name} cannot name a process: say `services: [{name}]` in one of another name"
                for name in (web, *workers)
                if not _NAME.fullmatch(name)
            ),
        ),
    )


def _about_port(file: str, web: str, services: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """What has to be other about the port that is published, if anything."""
    ports = [str(each) for each in services.get(web, {}).get("ports") or ()]
    if any(_PUBLISHES.match(each) for each in ports):
        return ()
    inside = re.search(r"(\d+)(?:/tcp)?$", ports[0]) if ports else None
    wanted = f'ports: ["127.0.0.1:${{PORT}}:{inside[1] if inside else 3000}"]'
    return (f"{web} of {file} should have {wanted}: each slot has a port, and only nginx asks it",)


def _comes_along(name: str, services: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether another service depends on it, so that Compose starts it with that one."""
    return any(name in (service.get("depends_on") or ()) for service in services.values())
