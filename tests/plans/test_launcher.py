"""The launcher, run by a real shell."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.waiting import until
from windlass.plans.launcher import Places, launcher


def test_launcher_runs_in_its_folder_with_its_environment_and_leaves_its_process_id(tmp_path: Path) -> None:
    release = tmp_path / "it's a release"
    release.mkdir()
    (release / ".env").write_text("GREETING='good day'\nPORT='from the release'\n")
    socket = tmp_path / "web-0.sock"
    socket.write_text("left by a killed process")
    text = launcher(
        Places(folder=str(release), run=str(tmp_path / "web-0"), socket=str(socket)),
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


def test_a_process_with_a_lock_begins_when_the_one_before_has_ended_however_it_ended(tmp_path: Path) -> None:
    lock, paths = tmp_path / "clock", []
    for name in ("one", "two"):
        text = launcher(Places(folder="/", run=str(tmp_path / name), lock=str(lock)), "sleep 600", {})
        paths.append(tmp_path / f"launch-{name}")
        paths[-1].write_text(text.reveal())
    first = subprocess.Popen(["/bin/sh", str(paths[0])], stdout=subprocess.DEVNULL)
    until((tmp_path / "one.pid").exists)
    second = subprocess.Popen(["/bin/sh", str(paths[1])], stdout=subprocess.DEVNULL)
    until(lambda: waits_for_a_lock(second.pid))
    assert not (tmp_path / "two.pid").exists()

    first.kill()
    first.wait()
    until((tmp_path / "two.pid").exists)

    second.kill()
    second.wait()


def waits_for_a_lock(pid: int) -> bool:
    """Whether a child of this process is the program that waits for a lock."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return any(Path(f"/proc/{child}/comm").read_text().strip() == "flock" for child in children)
