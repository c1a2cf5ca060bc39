"""What travels to hosts is made once, and anew when a module has changed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from windlass.hosts.agent import agent_kept

PROGRAM = """
import hashlib, sys
from windlass import kept
from windlass.hosts.agent import agent_kept
from windlass.hosts.agent import agent_modules
from windlass.hosts.agent import payload
kept.start()
if sys.argv[1]:
    agent_kept.state = lambda *_of: sys.argv[1]
frame = agent_modules.frame(agent_modules.for_operations(frozenset(["file.file", "service.service"])))
print(agent_modules.source.cache_info().misses, hashlib.sha256(payload.payload() + frame).hexdigest())
"""

CHANGED = """
import shutil, sys
from pathlib import Path
from windlass import kept
from windlass.errors import WindlassError
from windlass.hosts.agent import agent_kept
from windlass.hosts.agent import agent_modules
from windlass.hosts.agent import payload
kept.start()
agent_kept.FOLDER = Path(shutil.copytree(agent_kept.FOLDER, sys.argv[1]))
payload.payload(), agent_modules.frame(agent_modules.for_operations(frozenset(["file.file"])))
with (agent_kept.FOLDER / "service.py").open("a") as module:
    module.write("# another version\\n")
agent_modules.frame(agent_modules.for_operations(frozenset(["file.file"])))
for make in (
    lambda: agent_modules.frame(agent_modules.for_operations(frozenset(["service.service"]))),
    lambda: agent_modules.asked_for("windlass.agent.file"),
):
    try:
        make()
    except WindlassError as error:
        print(error.message, error.hint, sep="\\n")
"""


def test_an_agent_is_never_of_two_versions(tmp_path: Path) -> None:
    """Somebody pulls in the midst of a run: what was made goes on its way, what was not is refused."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    command = [sys.executable, "-c", CHANGED, str(tmp_path / "agent")]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()

    assert (
        said
        == [
            f"Windlass was changed in the midst of this run ({tmp_path}): its hosts would get parts of two versions",
            "run the same again: what is done is done, and nothing is done twice",
        ]
        * 2
    )


def start(home: Path, state: str = "") -> tuple[bool, str]:
    """A process that makes what hosts get: whether it read the agent's text, and what that is."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
    done = subprocess.run([sys.executable, "-c", PROGRAM, state], env=environment, capture_output=True, text=True, check=True)
    read, made = done.stdout.split()
    return int(read) > 0, made


def test_the_second_start_reads_nothing_of_the_agent_s_text(tmp_path: Path) -> None:
    (first, made), (second, again) = start(tmp_path), start(tmp_path)

    assert (first, second) == (True, False)
    assert again == made


def test_when_a_module_has_changed_all_is_made_anew(tmp_path: Path) -> None:
    assert [start(tmp_path, state)[0] for state in ("before", "before", "after")] == [True, False, True]


def test_every_module_counts(tmp_path: Path) -> None:
    (tmp_path / "core").mkdir()
    states = {agent_kept.state(tmp_path)}
    for name, text in (("a.py", "1"), ("core/b.py", "1"), ("core/b.py", "22"), ("notes.txt", "")):
        (tmp_path / name).write_text(text)
        states.add(agent_kept.state(tmp_path))

    assert len(states) == 4  # what is no module does not
