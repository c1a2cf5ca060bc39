"""Memory for large frames is used again when nobody looks at it any more, and never before: in every Python, as it counts."""

from __future__ import annotations

import subprocess

import pytest

from tests.agent.interpreters import Interpreter, interpreters
from windlass.agent.core import buffers

PROGRAM = f"""
import queue, runpy
found = runpy.run_path({buffers.__file__!r})
buffers, size = found["Buffers"](), found["FROM"]

def let_go_of(hold):
    frame = buffers.take(size)
    own, held = id(frame), hold(frame)
    del frame
    in_use = id(buffers.take(size)) != own
    del held
    assert in_use and id(buffers.take(size)) == own, hold

def on_its_way(frame):
    waiting = queue.SimpleQueue()
    waiting.put(memoryview(frame)[9:])
    return waiting

def in_a_call(frame):
    return (lambda: frame)

for hold in (lambda frame: frame, lambda frame: memoryview(frame)[1:5], lambda frame: [frame], on_its_way, in_a_call):
    let_go_of(hold)

held = [buffers.take(size) for _ in range(found["MOST"] + 3)]
assert len(set(map(id, held))) == len(held)
del held[3]
assert buffers.take(size) is not None and len(buffers.take(size - 1)) == size - 1
assert id(buffers.take(size)) not in set(map(id, held))
larger = buffers.take(size + 1)
assert len(larger) == size + 1 and len(buffers.take(size)) == size
print("fine")
"""


@pytest.mark.parametrize("python", [pytest.param(each, id="{}.{}".format(*each.version)) for each in interpreters()])
def test_a_frame_is_used_again_when_nobody_has_it(python: Interpreter) -> None:
    answer = subprocess.run([python.executable, "-I", "-c", PROGRAM], capture_output=True, text=True, check=False, timeout=60)

    assert answer.stdout == "fine\n", answer.stderr
