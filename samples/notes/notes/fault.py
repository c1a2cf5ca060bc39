"""Misbehaviour on request, for tests of deployments: told by the environment, or for a whole release by fault.json."""

import json
import os
import threading
import time
from pathlib import Path

FILE = Path(__file__).parent.parent / "fault.json"
KEYS = ("FAULT", "FAULT_IN", "CRASH_AFTER_SECONDS", "CRASH_WHEN_PID_IN", "EAT_MEGABYTES")
_eaten: list[bytearray] = []


def of(process: str) -> dict[str, str]:
    """What this process is told to do wrong; the environment counts more than the file."""
    told = json.loads(FILE.read_text()) if FILE.exists() else {}
    told |= {key: os.environ[key] for key in KEYS if os.environ.get(key)}
    return told if told.get("FAULT_IN", process) == process else {}


def at_load(process: str) -> None:
    """Fail while the program is loaded."""
    if of(process).get("FAULT") == "throw":
        raise RuntimeError("this release cannot start: no such module as notes.plan_b")


def once_ready(process: str) -> None:
    """Begin what comes later: a crash, or a hunger for memory."""
    told = of(process)
    if told.get("CRASH_AFTER_SECONDS"):
        threading.Thread(target=_crash, args=(float(told["CRASH_AFTER_SECONDS"]),), daemon=True).start()
    if told.get("CRASH_WHEN_PID_IN"):
        threading.Thread(target=_crash_when_named, args=(Path(told["CRASH_WHEN_PID_IN"]),), daemon=True).start()
    if told.get("EAT_MEGABYTES"):
        _eaten.append(bytearray(os.urandom(1 << 20) * int(told["EAT_MEGABYTES"])))


def _crash_when_named(file: Path) -> None:
    while not file.exists() or file.read_text().strip() != str(os.getpid()):
        time.sleep(0.05)
    _crash(0.0)


def _crash(seconds: float) -> None:
    time.sleep(seconds)
    print("out of luck", flush=True)
    os._exit(1)
