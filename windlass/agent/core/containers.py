"""Containers that Docker Compose has started, as Docker tells of them over its own socket: neither program nor version matters."""

from __future__ import annotations

import json
import os
from typing import Any, Dict, List

from windlass.agent.core import sockets

SOCKET = "/run/docker.sock"
LIMIT = 10.0  # seconds for an answer
MOST = 4 << 20  # bytes of it
PUBLISH = '; compose.yml should have ports: ["127.0.0.1:${PORT}:…"]'
OF_PROJECT, OF_SERVICE, IN_FOLDER, ONCE = (
    "com.docker.compose." + name for name in ("project", "service", "project.working_dir", "oneoff")
)

Container = Dict[str, Any]
Instance = Dict[str, Any]


def unfit(instance: Instance) -> str:
    """Why the containers of an instance are not fit to serve; empty if they are. Whether they answer is asked of them."""
    try:
        found = _of(instance)
        return _lame(instance, found) or (_elsewhere(instance["listen"], found) if instance["listen"] else "")
    except OSError as error:
        return "Docker does not answer: %s" % (error.strerror or error)


def restarts(instance: Instance) -> int:
    """How often Docker has started containers of it again by itself."""
    return sum(int(each.get("RestartCount", 0)) for each in _details(instance))


def pids(instance: Instance) -> List[int]:
    """The first process of each of its containers that runs, as the host numbers them."""
    found = [int(each.get("State", {}).get("Pid", 0)) for each in _details(instance)]
    return [pid for pid in found if pid]


def _lame(instance: Instance, found: List[Container]) -> str:
    """Which of its services has no containers that count, and why."""
    for service in instance["containers"]["services"]:
        mine = [each for each in found if each["Labels"].get(OF_SERVICE) == service]
        if not mine:
            return "there is no container of its service %s yet" % service
        for each in mine:
            why = _stopped(each, instance["folder"])
            if why:
                return "container %s %s" % ((each.get("Names") or ["/?"])[0].lstrip("/"), why)
    return ""


def _stopped(container: Container, folder: str) -> str:
    """Why a container does not count."""
    if os.path.realpath(container["Labels"].get(IN_FOLDER, "")) != os.path.realpath(folder):
        return "was not made in %s" % folder
    if container["State"] != "running":
        return "does not run: %s" % container["Status"]
    if container["Status"].endswith(("(unhealthy)", "(health: starting)")):
        return "is not healthy: %s" % container["Status"]
    return ""


def _elsewhere(listen: str, found: List[Container]) -> str:
    """Why what is listened on is not theirs. Its port is published by one of them, or, in the host's own network, held by one."""
    port = int(listen.rpartition(":")[2])
    places = {place.get("IP", "") for each in found for place in each["Ports"] if place.get("PublicPort") == port}
    wrong = places - {"127.0.0.1"}
    if wrong:
        return "port %d is published on %s, and should be on 127.0.0.1 alone%s" % (port, min(wrong), PUBLISH)
    inodes = sockets.listening_inodes(listen)
    if not inodes:
        return "nothing listens on %s yet%s" % (listen, PUBLISH)
    if places or any(sockets.holds_socket(pid, inodes) for each in found for pid in _processes(each)):
        return ""
    return "%s belongs to somebody else%s" % (listen, PUBLISH)


def _processes(container: Container) -> List[int]:
    """All processes of a container."""
    status, told = _ask("/containers/%s/top?ps_args=-o%%20pid" % container["Id"])
    return [int(row[0]) for row in told.get("Processes") or ()] if status == 200 else []


def _of(instance: Instance) -> List[Container]:
    """The containers of an instance, as Docker lists them, without those of `docker compose run`. Raises OSError if it does not
    answer."""
    filters = json.dumps({"label": ["%s=%s" % (OF_PROJECT, instance["containers"]["project"])]})
    status, found = _ask("/containers/json?all=1&filters=" + "".join("%%%02X" % each for each in filters.encode()))
    if status != 200 or not isinstance(found, list):
        raise OSError("it answers %d" % status)
    return [each for each in found if each["Labels"].get(ONCE) != "True"]


def _details(instance: Instance) -> List[Container]:
    """The same with all that Docker knows of each; none where it does not answer."""
    try:
        asked = [_ask("/containers/%s/json" % each["Id"]) for each in _of(instance)]
    except OSError:
        return []
    return [told for status, told in asked if status == 200]


def _ask(path: str) -> Any:
    """Status and value of Docker's answer. Raises OSError."""
    status, body = sockets.get(SOCKET, path, LIMIT, MOST)
    try:
        return status, json.loads(body)
    except ValueError:
        raise OSError("its answer cannot be read") from None
