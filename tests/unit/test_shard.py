"""What a worker does with a shard that another one died of."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

from windlass import events
from windlass.hosts.channel import nobody_confirms
from windlass.hosts.common.target import Target
from windlass.hosts.many.shard import Ended, Message, Over, Shard, work_on
from windlass.operations.wire import Batch


class Box:
    """A mailbox and a post in one, in memory: what was told earlier, and what is told now."""

    def __init__(self, *earlier: Message) -> None:
        self.told: list[Message] = []
        self._earlier = earlier

    @contextlib.contextmanager
    def open(self, _shard: int) -> Iterator[Box]:
        yield self

    def tell(self, message: Message) -> None:
        self.told.append(message)

    def earlier(self) -> Sequence[Message]:
        return self._earlier

    def interrupted(self) -> bool:
        return False

    def at_the_end(self, leave: Callable[[], None]) -> None:
        """It does not end before its time."""


def test_hosts_that_are_through_are_left_alone_and_told_again() -> None:
    """The worker before was killed between telling its successor and telling whoever waits."""
    targets = tuple(Target(name=name, address="192.0.2.1") for name in ("web1", "web2"))
    earlier = [Ended(target.name, ()) for target in targets]
    box = Box(events.HostEnded("web1"), *earlier, earlier[0])

    work_on(
        Shard(
            number=7,
            targets=targets,
            batches={target.name: Batch(()) for target in targets},
            confirmer=lambda _listener: nobody_confirms,
        ),
        box,
    )

    assert box.told == [*earlier, Over(7)]
