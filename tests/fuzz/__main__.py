"""Bytes found by coverage instead of by chance: what tests/agent/test_fuzz.py tries in seconds, for as long as you like.

    .venv/bin/uv pip install atheris                     from PyPI; not among the locked packages, 35 MB for one command
    .venv/bin/python -m tests.fuzz controller --seconds 600
    .venv/bin/python -m tests.fuzz agent --seconds 60

`controller`: what it makes of a host's answers after the hello. `agent`: what it makes of frames and calls. What has led to new
places in the code is kept in `build/fuzz/`, and so is what broke or hung one of them: then the command fails.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

KEPT: Final = Path(__file__).resolve().parent.parent.parent / "build" / "fuzz"
LONGEST: Final = 2000  # bytes
A_HANG: Final = 20  # seconds

if importlib.util.find_spec("atheris") is None:
    sys.exit("error: atheris is not installed\nhint: .venv/bin/uv pip install atheris")
atheris: Any = importlib.import_module("atheris")
with atheris.instrument_imports(include=["windlass"]):
    from tests.agent.test_fuzz import CALL, framed, heard_by_the_controller
    from windlass.agent.core import calls, frames
    from windlass.agent.core.facts import facts
    from windlass.errors import HostError
    from windlass.hosts.agent import payload

KINDS: Final = b"HCSREFKDNPZQXAUVLWM"
GREETING: Final = payload.READY + frames.encode(frames.HELLO, facts())


def controller(data: bytes) -> None:
    """Every second time frames of any kinds with these bytes in them, else the bytes."""
    chooser = atheris.FuzzedDataProvider(data)
    said = _frames(chooser) if chooser.ConsumeBool() else data
    with contextlib.suppress(HostError):
        heard_by_the_controller(GREETING + said)


def _frames(chooser: Any) -> bytes:
    said = b""
    while chooser.remaining_bytes() > 2:
        kind = KINDS[chooser.ConsumeIntInRange(0, len(KINDS) - 1)]
        said += framed(bytes([kind]), chooser.ConsumeBytes(chooser.ConsumeIntInRange(0, 200)))
    return said


def agent(data: bytes) -> None:
    """A frame, and the body of a call."""
    rest = memoryview(data)

    def exactly(length: int) -> bytes:
        nonlocal rest
        if len(rest) < length:
            raise EOFError
        piece, rest = bytes(rest[:length]), rest[length:]
        return piece

    with contextlib.suppress(EOFError, frames.BrokenFrame):
        kind, body = frames.read(exactly)
        frames.decode(body, kind)
    with contextlib.suppress(frames.BrokenFrame):
        calls.read(data)


SEEDS: Final[Mapping[str, tuple[bytes, ...]]] = {
    "controller": (
        frames.encode(frames.START, {"index": 0}) + frames.encode(frames.RESULT, {"index": 0, "status": "ok"}),
        frames.encode(frames.FETCH, {"stream": 1, "checksum": "ab", "window": 100}) + frames.encode_data(1, b"xx"),
        frames.encode(frames.ASK, {"number": 1, "question": {"want": "modules", "name": "windlass.agent.file"}}),
        frames.encode(frames.LIVE, {"lines": ["a"], "missed": 0}) + frames.encode(frames.PING, {"heard": 3}),
        frames.encode(frames.ARMED, {"guard": "a", "token": "b", "seconds": 3, "active": True}),
    ),
    "agent": (frames.encode(frames.CALL, CALL), frames.encode(frames.CALL, CALL)[frames.HEADER_SIZE :]),
}
TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = {"controller": controller, "agent": agent}


def main() -> None:
    """Fuzz one of them; libFuzzer ends the process."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Try bytes on one end of the line.")
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=60)
    wanted = parser.parse_args()
    corpus = KEPT / wanted.target
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS[wanted.target]):
        (corpus / f"seed{number}").write_bytes(seed)
    options = [f"-max_total_time={wanted.seconds}", f"-max_len={LONGEST}", f"-timeout={A_HANG}", f"-artifact_prefix={KEPT}/"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], TARGETS[wanted.target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
