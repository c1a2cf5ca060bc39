"""A part of the hosts with what is to be done there, as one value that any process can take: the unit of distribution."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import windlass
from windlass import events
from windlass.errors import AgentFailed, HostError
from windlass.hosts.agent.results import Result
from windlass.hosts.channel import Confirmer
from windlass.hosts.common.target import Target
from windlass.hosts.many.fleet import Fleet
from windlass.operations.wire import Batch

LOOK_EVERY = 0.5  # seconds between two looks whether a person wants it to end

Outcome = tuple[Result, ...] | HostError


@dataclass(frozen=True, slots=True)
class Ended:
    """A host is through."""

    host: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Over:
    """Nothing more comes of this shard."""

    shard: int


Message = events.Event | Ended | Over


class Post(Protocol):
    """What a worker has at hand for one shard."""

    def tell(self, message: Message) -> None:
        """Let whoever gave the shard away know; from any thread."""

    def earlier(self) -> Sequence[Message]:
        """What a worker that died told of the same shard: at least which hosts it was through with."""

    def interrupted(self) -> bool:
        """Whether a person wants it to end."""

    def at_the_end(self, leave: Callable[[], None]) -> None:
        """What to do before this process ends because whoever gave the shard away is gone."""


class Mailbox(Protocol):
    """The way back to whoever gives shards away. It travels with the shard."""

    def open(self, shard: int) -> AbstractContextManager[Post]:
        """At the worker's end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """Hosts and their batches.

    confirmer  makes the confirmer of changes on trial from a listener
    """

    number: int
    targets: tuple[Target, ...]
    batches: Mapping[str, Batch]
    confirmer: Callable[[events.Listener], Confirmer]
    version: str = windlass.__version__


def work_on(shard: Shard, mailbox: Mailbox) -> None:
    """Do a shard, and tell all that happens.

    Hosts that a worker before this one was through with are left alone, and told again: its last word may have come no further than
    to what the worker after it reads. Of one in whose middle it died the host itself knows what is done: its journal answers for
    that, where the batch has one.
    """
    with mailbox.open(shard.number) as post:
        ended = {message.host: message for message in post.earlier() if isinstance(message, Ended)}
        for message in ended.values():
            post.tell(message)
        left = tuple(target for target in shard.targets if target.name not in ended)
        if shard.version == windlass.__version__:
            _run(shard, left, post)
        else:
            refused = f"the worker has Windlass {windlass.__version__}, not {shard.version}"
            _end(post, {target.name: AgentFailed(refused, host=target.name) for target in left})
        post.tell(Over(shard.number))


def _end(post: Post, outcomes: Mapping[str, HostError]) -> None:
    for host, error in outcomes.items():
        post.tell(events.HostEnded(host, error.message))
        post.tell(Ended(host, error))


def _run(shard: Shard, targets: Sequence[Target], post: Post) -> None:
    over = threading.Event()
    with Fleet(targets, post.tell, confirmer=shard.confirmer(post.tell)) as fleet:

        def work(host: str) -> None:
            try:
                outcome: Outcome = fleet.run_one(host, shard.batches[host])
            except HostError as error:
                outcome = error
            post.tell(Ended(host, outcome))

        def watch() -> None:
            while not over.wait(LOOK_EVERY):
                if post.interrupted():
                    fleet.cancel()

        threading.Thread(target=watch, name="interrupted?", daemon=True).start()
        post.at_the_end(fleet.leave)
        try:
            outcomes = fleet.each(fleet.targets, work)
        finally:
            over.set()
    _end(post, {host: outcome for host, outcome in outcomes.items() if isinstance(outcome, HostError)})
