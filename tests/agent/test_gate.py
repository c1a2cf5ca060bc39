"""Looking at processes whose folders and answers are not ours."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from pathlib import Path

import pytest

from windlass.agent.core import sockets
from windlass.agent.gate import last_lines, unfit


def test_a_log_is_read_only_if_it_is_one(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("root's\n")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "log").write_text("one\ntwo\nthree\n")

    assert last_lines(str(tmp_path / "log"), 2) == ["two", "three"]
    assert last_lines(str(tmp_path / "link"), 2) == []
    assert last_lines(str(tmp_path / "pipe"), 2) == []


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
