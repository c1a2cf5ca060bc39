"""The launcher, run by a real shell."""

from __future__ import annotations

import subprocess
from pathlib import Path

from windlass.plans.launcher import launcher


def test_launcher_runs_in_its_folder_with_its_environment_and_leaves_its_process_id(tmp_path: Path) -> None:
    release = tmp_path / "it's a release"
    release.mkdir()
    (release / ".env").write_text("GREETING='good day'\nPORT='from the release'\n")
    socket = tmp_path / "web-0.sock"
    socket.write_text("left by a killed process")
    text = launcher(
        folder=str(release),
        run=str(tmp_path / "web-0"),
        socket=str(socket),
        log="",
        command="python3 -c \"import os; print(os.getpid(), os.getcwd(), os.environ['GREETING'], os.environ['PORT'])\"",
        variables={"PORT": str(socket), "ODD": "a'b $HOME"},
    )
    path = tmp_path / "launch"
    path.write_text(text.reveal())

    completed = subprocess.run(["/bin/sh", str(path)], capture_output=True, text=True, check=True)

    pid = (tmp_path / "web-0.pid").read_text().strip()
    assert completed.stdout == f"--- windlass starts {release}\n{pid} {release} good day {socket}\n"
    assert (tmp_path / "web-0.starts").read_text() == "x"
    assert not socket.exists()
