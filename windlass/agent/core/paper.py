"""What a journal is written on: a file on the disk, and where that takes nothing more, one in /run.

Who is to mend a full disk, a failing one or one that is read-only has to run commands there, and what they begin has to be noted.
What stands in /run outlives the agent, but not the host's power.
"""

from __future__ import annotations

import errno
import os
import time
from typing import IO, Any, Dict, List, Optional

from windlass.agent.core import quick_json
from windlass.agent.core.context import RUN, STATE

FOLDER = os.path.join(STATE, "runs")
SPARE = os.path.join(RUN, "runs")
MOST = 50  # runs that are kept
LAST = 5  # of them, whatever the clock says
OLDEST = 7 * 86400.0  # seconds
LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")
FAULTS = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EIO,
    errno.EFBIG,
)  # of a disk; who is not root has no journal, and wants none


class Paper:
    """The lines of one journal. Raises OSError where neither place can be had.

    lost  another agent had it, and nothing is there to be read: it could not write, and what was in /run is gone
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._files: List[IO[str]] = []
        self.lost = os.path.exists(_path(name, FOLDER))
        try:
            self._add(FOLDER)
        except OSError as error:
            if error.errno not in FAULTS:
                raise
            self._add(SPARE)
        else:
            if os.path.exists(_path(name, SPARE)):
                self._add(SPARE)

    @property
    def first(self) -> IO[str]:
        """The file that is locked, where the holder signs."""
        return self._files[0]

    def records(self) -> List[Dict[str, Any]]:
        """All that is there to be read; a line that was torn is ended. Raises OSError."""
        found: List[Dict[str, Any]] = []
        for file in self._files:
            file.seek(0)
            text = file.read()
            found += [record for record in map(record_of, text.split("\n")) if record]
            if text and not text.endswith("\n"):  # torn by whatever ended the agent of before
                file.write("\n")
        self.lost = self.lost and not found
        return found

    def write(self, record: Dict[str, Any], firm: bool, at_once: bool = True) -> None:
        """Raises OSError if it can be noted nowhere."""
        line = quick_json.short(record) + "\n"
        try:
            _put(self._files[-1], line, firm, at_once)
        except OSError as error:
            if len(self._files) > 1 or error.errno not in FAULTS:
                raise
            self._add(SPARE)
            _put(self._files[-1], line, firm, at_once)

    def close(self) -> None:
        """Let another agent have it."""
        files, self._files = self._files, []
        for file in files:
            try:
                file.close()
            except OSError:  # a full disk is told by the operations themselves
                pass

    def _add(self, folder: str) -> None:
        self._files.append(_opened(self._name, folder))


def _put(file: IO[str], line: str, firm: bool, at_once: bool) -> None:
    file.write(line)
    if at_once:
        file.flush()
    if firm:
        os.fsync(file.fileno())


def _path(name: str, folder: str) -> str:
    return os.path.join(folder, name + ".jsonl")


def _opened(name: str, folder: str) -> IO[str]:
    run = _run_of(name)
    if not run or "_" in run or not LETTERS.issuperset(name) or name.endswith("."):
        raise OSError("not a run's name")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    path = _path(name, folder)
    if not os.path.exists(path):
        _prune(folder)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    return os.fdopen(descriptor, "r+", encoding="utf-8", errors="replace")  # a power cut may leave anything there


def record_of(line: str) -> Optional[Dict[str, Any]]:
    """What a line holds; None for one that was cut off or that somebody else wrote."""
    try:
        record = quick_json.read(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _prune(folder: str) -> None:
    """Runs sort by time. The last ones stay however old they seem to be: the clock may have jumped."""
    names = [name for name in os.listdir(folder) if name.endswith(".jsonl")]
    runs = sorted({_run_of(name) for name in names}, reverse=True)
    places = {run: place for place, run in enumerate(runs)}
    for name in names:
        path, place = os.path.join(folder, name), places[_run_of(name)]
        try:
            if place >= MOST - 1 or (place >= LAST and time.time() - os.stat(path).st_mtime > OLDEST):
                os.unlink(path)
        except FileNotFoundError:
            pass


def _run_of(name: str) -> str:
    return name.partition(".")[0]
