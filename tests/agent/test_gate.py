"""Looking at processes whose folders and answers are not ours."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from windlass.agent.core import sockets
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import OperationError
from windlass.agent.gate import drain, gate, inspect, last_lines, last_words, unfit
from windlass.agent.watch import watch


def test_a_log_is_read_only_if_it_is_one(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("root's\n")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "log").write_text("one\ntwo\nthree\n")

    assert last_lines(str(tmp_path / "log"), 2) == ["two", "three"]
    assert last_lines(str(tmp_path / "link"), 2) == []
    assert last_lines(str(tmp_path / "pipe"), 2) == []


@pytest.mark.parametrize(
    ("log", "told"),
    [
        (["--- windlass starts /r/1", "broken", "--- windlass starts /r/1"], ["--- windlass starts /r/1", "broken"]),
        (["--- windlass starts /r/1", "broken", "--- windlass starts /r/2"], ["--- windlass starts /r/2"]),
    ],
)
def test_the_last_words_are_those_of_this_release(tmp_path: Path, log: list[str], told: list[str]) -> None:
    (tmp_path / "log").write_text("".join(f"{line}\n" for line in log))

    assert last_words(str(tmp_path / "log"))[:2] == told


def test_a_process_that_listens_at_another_place_is_told_where(tmp_path: Path) -> None:
    (tmp_path / "web-0.pid").write_text(str(os.getpid()))
    instance = {"name": "web-0", "run": str(tmp_path / "web-0"), "folder": str(Path.cwd()), "log": "", "health": None}
    with socket.socket() as meant, socket.socket() as server:
        meant.bind(("127.0.0.1", 0))  # so that nobody else listens there
        server.bind(("127.0.0.1", 0))
        server.listen()
        place = f"127.0.0.1:{meant.getsockname()[1]}"
        with pytest.raises(OperationError) as error:
            gate(
                {"instances": [{**instance, "listen": place}], "limit_seconds": 0.0, "stable_seconds": 0.0},
                Context(lambda _frame: None),
            )

        port = server.getsockname()[1]
    assert f"nothing listens on {place} yet; it listens on" in str(error.value)
    assert f"port {port}" in str(error.value)


def test_a_process_id_is_not_read_from_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "web-0.pid")

    assert unfit({"run": str(tmp_path / "web-0"), "folder": "/", "listen": ""}) == "it is not running"


def test_an_answer_that_never_ends_is_none(tmp_path: Path) -> None:
    path = str(tmp_path / "web.sock")
    over = threading.Event()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()

        def drip() -> None:
            client, _address = server.accept()
            with client, contextlib.suppress(OSError):  # the one who asked may have left
                while not over.wait(0.05):
                    client.sendall(b"x")

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            with pytest.raises(TimeoutError):
                sockets.get(path, "/", 0.5)
        finally:
            over.set()
            thread.join()


def test_an_answer_of_another_status_is_told_with_the_one_that_is_wanted(tmp_path: Path) -> None:
    path = str(tmp_path / "web.sock")
    (tmp_path / "web-0.pid").write_text(str(os.getpid()))  # the test itself is the process, and it does serve
    health = {"path": "/", "status": 204, "contains": "", "release_key": "", "release": ""}
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()

        def answer() -> None:
            with server.accept()[0] as client:
                client.recv(1000)
                client.sendall(b"HTTP/1.0 200 OK\r\n\r\nfine")

        server.settimeout(60)
        thread = threading.Thread(target=answer)
        thread.start()
        said = unfit({"run": str(tmp_path / "web-0"), "folder": str(Path.cwd()), "listen": path, "health": health})
        thread.join()

    assert said == "/ answers 200 instead of 204: fine"


def test_what_a_process_uses_is_counted_with_its_children(tmp_path: Path) -> None:
    with subprocess.Popen(["sh", "-c", "while :; do :; done & read line; kill $!"], stdin=subprocess.PIPE, cwd=tmp_path) as busy:
        (tmp_path / "busy-0.pid").write_text(str(busy.pid))
        instances = [
            {"name": name, "run": str(tmp_path / name), "folder": str(tmp_path), "listen": "", "health": None}
            for name in ("busy-0", "gone-0")
        ]
        deadline = time.monotonic() + 60
        seen = look(instances)
        while not seen["busy-0"]["cpu"]:  # on a machine where everybody is busy its turn may be late
            assert time.monotonic() < deadline
            seen = look(instances)
        busy.communicate(b"\n")

    assert seen["busy-0"]["pid"] == busy.pid
    assert seen["busy-0"]["memory"] > 100_000
    assert (seen["gone-0"]["pid"], seen["gone-0"]["cpu"], seen["gone-0"]["memory"]) == (0, 0.0, 0)


def look(instances: list[dict[str, Any]]) -> dict[str, Any]:
    return inspect({"instances": instances, "sample_seconds": 0.2}, Context(lambda _frame: None)).data


def watching(folder: Path, **more: Any) -> dict[str, Any]:
    """A watch over one process, in a run whose entry is on the disk."""
    (folder / "slots").mkdir()
    (folder / "live").symlink_to("slots/green")
    (folder / "progress.json").write_text('{"release": "r2"}')
    instance = {"name": "web-0", "run": f"{folder}/web-0", "folder": str(Path.cwd()), "listen": "", "log": "", "health": None}
    return {"root": str(folder), "instances": [instance], "before": "blue", "reload": False, "seconds": 0.2, **more}


@pytest.mark.parametrize("somebody", ["there", "gone"])
def test_a_watch_that_is_taken_up_again_waits_for_what_is_still_coming(tmp_path: Path, somebody: str) -> None:
    """When nobody is there to hear that all was well, the next run reads it."""
    arguments, context = watching(tmp_path, arriving_seconds=120.0), Context(lambda _frame: None)
    thread = threading.Thread(target=watch, args=(arguments, context))
    thread.start()
    if somebody == "gone":
        context.cancelled.set()
    (tmp_path / "web-0.pid").write_text(str(os.getpid()))  # the test itself is the process
    thread.join()

    assert (tmp_path / "live").readlink().name == "green"
    assert json.loads((tmp_path / "progress.json").read_text()).get("watched", False) is (somebody == "gone")


def test_a_watch_that_is_taken_up_again_goes_back_when_nothing_comes_or_it_keeps_crashing(tmp_path: Path) -> None:
    arguments = watching(tmp_path, arriving_seconds=120.0)
    (tmp_path / "web-0.starts").write_text("...")

    with pytest.raises(OperationError, match="the host switched back to blue by itself"):
        watch(arguments, Context(lambda _frame: None))

    assert (tmp_path / "live").readlink().name == "blue"
    assert json.loads((tmp_path / "progress.json").read_text())["went_back"] == "web-0: it is not running"


def test_a_drain_waits_until_nobody_has_been_there_for_as_long_as_is_wanted() -> None:
    """From the end of the last connection on; without such a wish it ends as soon as nobody is there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        listens = [f"127.0.0.1:{server.getsockname()[1]}"]
        visitor = socket.create_connection(server.getsockname())
        accepted, _address = server.accept()
        left = threading.Timer(0.3, lambda: (accepted.close(), visitor.close()))
        began = time.monotonic()
        left.start()

        quiet = drain({"listens": listens, "limit_seconds": 60.0, "quiet_seconds": 0.5}, Context(lambda _frame: None))
        took = time.monotonic() - began
        at_once = drain({"listens": listens, "limit_seconds": 60.0, "quiet_seconds": 0.0}, Context(lambda _frame: None))

    assert quiet.data == at_once.data == {"left": 0}
    assert 0.8 <= took < 60.0
