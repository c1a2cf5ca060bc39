"""Containers as Docker tells of them, over a socket that answers as Docker does."""

from __future__ import annotations

import http.server
import json
import os
import socket
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from windlass.agent.core import containers

PROJECT = "shop-blue-20261129-181500-3f9c2ab-web-0"


def container(folder: Path, **other: Any) -> dict[str, Any]:
    labels = {
        "com.docker.compose.project": PROJECT,
        "com.docker.compose.service": "web",
        "com.docker.compose.project.working_dir": str(folder),
    }
    found = {
        "Id": "abc",
        "Names": [f"/{PROJECT}_web_1"],
        "State": "running",
        "Status": "Up 3 seconds",
        "Labels": labels,
        "Ports": [],
    }
    return {**found, **other}


class Docker:
    """What it answers: the list of containers, what it knows of each, and its processes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.listed: list[dict[str, Any]] = []
        self.details: dict[str, Any] = {"RestartCount": 2, "State": {"Pid": os.getpid()}}
        self.asked: list[str] = []

    def answer(self, path: str) -> object:
        self.asked.append(unquote(path))
        if path.startswith("/containers/json"):
            return self.listed
        return {"Titles": ["PID"], "Processes": [[str(os.getpid())]]} if "/top" in path else self.details


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Docker]:
    found = Docker(tmp_path / "docker.sock")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(found.answer(self.path)).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_words: object) -> None:
            """Nobody reads it."""

        def address_string(self) -> str:
            return "a socket"

    with socketserver.ThreadingUnixStreamServer(str(found.path), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setattr(containers, "SOCKET", str(found.path))
        yield found
        server.shutdown()
        thread.join()


def instance(folder: Path, listen: str = "") -> dict[str, Any]:
    return {"folder": str(folder), "listen": listen, "containers": {"project": PROJECT, "services": ["web"]}}


def test_containers_that_run_where_their_release_is_are_fit(docker: Docker, tmp_path: Path) -> None:
    once = {**container(tmp_path)["Labels"], "com.docker.compose.oneoff": "True"}
    docker.listed = [
        container(tmp_path),
        container(Path("/else"), Id="def", Labels={"com.docker.compose.service": "database"}),
        container(tmp_path, Id="run", State="exited", Labels=once),  # of a command that somebody runs
    ]

    assert containers.unfit(instance(tmp_path)) == ""
    assert docker.asked == ['/containers/json?all=1&filters={"label": ["com.docker.compose.project=' + PROJECT + '"]}']
    assert (containers.restarts(instance(tmp_path)), containers.pids(instance(tmp_path))) == (4, [os.getpid()] * 2)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"State": "exited", "Status": "Exited (3) 1 second ago"}, "does not run: Exited (3) 1 second ago"),
        ({"State": "restarting", "Status": "Restarting (1) 2 seconds ago"}, "does not run: Restarting (1) 2 seconds ago"),
        ({"Status": "Up 4 seconds (unhealthy)"}, "is not healthy: Up 4 seconds (unhealthy)"),
        ({"Status": "Up 1 second (health: starting)"}, "is not healthy: Up 1 second (health: starting)"),
    ],
)
def test_what_docker_says_of_a_container_is_told(docker: Docker, tmp_path: Path, other: dict[str, str], said: str) -> None:
    docker.listed = [container(tmp_path, **other)]

    assert containers.unfit(instance(tmp_path)) == f"container {PROJECT}_web_1 {said}"


def test_containers_of_another_release_or_none_at_all_do_not_count(docker: Docker, tmp_path: Path) -> None:
    nothing = containers.unfit(instance(tmp_path))
    docker.listed = [container(tmp_path / "another")]

    assert nothing == "there is no container of its service web yet"
    assert containers.unfit(instance(tmp_path)) == f"container {PROJECT}_web_1 was not made in {tmp_path}"


def test_a_port_has_to_be_published_by_them_and_to_nobody_but_the_host(docker: Docker, tmp_path: Path) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        asked = instance(tmp_path, f"127.0.0.1:{port}")
        said = {}
        for address in ("127.0.0.1", "0.0.0.0", ""):  # noqa: S104 - what Docker may say
            docker.listed = [
                container(tmp_path, Ports=[{"IP": address, "PublicPort": port, "PrivatePort": 3000}] if address else [])
            ]
            said[address] = containers.unfit(asked)
        server.listen()
        docker.listed = [container(tmp_path, Ports=[{"IP": "127.0.0.1", "PublicPort": port}])]
        published = containers.unfit(asked)
        docker.listed = [container(tmp_path)]  # in the host's own network, where nothing is published: this very process listens
        own = containers.unfit(asked)
        docker.listed = []

    assert said["127.0.0.1"] == f"nothing listens on 127.0.0.1:{port} yet{containers.PUBLISH}"
    assert said["0.0.0.0"] == f"port {port} is published on 0.0.0.0, and should be on 127.0.0.1 alone{containers.PUBLISH}"  # noqa: S104
    assert said[""] == said["127.0.0.1"]
    assert (published, own) == ("", "")


def test_a_port_that_somebody_else_holds_is_not_theirs(docker: Docker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker.listed = [container(tmp_path)]
    monkeypatch.setattr(docker, "answer", lambda path: docker.listed if "/json" in path else {"Processes": [["1"]]})
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        place = f"127.0.0.1:{server.getsockname()[1]}"
        said = containers.unfit(instance(tmp_path, place))

    assert said == f"{place} belongs to somebody else{containers.PUBLISH}"


def test_a_docker_that_does_not_answer_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "SOCKET", str(tmp_path / "none.sock"))

    assert containers.unfit(instance(tmp_path)) == "Docker does not answer: No such file or directory"
    assert containers.restarts(instance(tmp_path)) == 0
