"""In what order a host's operations are done, whichever roles they are of."""

from __future__ import annotations

from windlass.flows.setup import asserts_first
from windlass.operations.assertion import Assert
from windlass.operations.file import File


def test_asserts_come_first_and_keep_their_order() -> None:
    one, two = File(path="/one"), File(path="/two")
    disk, system = Assert(message="room", free={"/": 1}), Assert(message="Debian", facts={"os": "debian"})
    late = Assert(message="made", command="test -e /one", first=False)
    after = Assert(message="made", command="test -e /one", only_after=(one,))

    assert asserts_first([one, disk, two, late, system, after]) == (disk, system, one, two, late, after)
