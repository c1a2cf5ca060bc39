"""Workers that are processes of this machine, one for each part of the hosts, so that all cores take part."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from typing import Any

from windlass.hosts.many.shard import Message

JOIN_LIMIT = 10.0  # seconds in which the last words of a worker that died are read
_SPAWN = multiprocessing.get_context("spawn")  # a fork of a process with threads may never wake up


class Processes:
    """So many worker processes of this machine."""

    died = (BrokenProcessPool,)

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.executor = _Pools(workers)
        self.mailbox = PipeMailbox()

    def hear(self, handler: Callable[[Message], None]) -> None:
        self.executor.handler = handler

    def interrupt(self) -> None:
        self.executor.say_stop()

    def close(self) -> None:
        self.executor.end()


class PipeMailbox:
    """The way back to the parent, from within a worker process."""

    @contextlib.contextmanager
    def open(self, _shard: int) -> Iterator[_PipePost]:
        yield _PipePost()


class _PipePost:
    """The parent itself remembers what was told."""

    def tell(self, message: Message) -> None:
        with _Worker.sending:
            _Worker.pipe.send(message)

    def earlier(self) -> Sequence[Message]:
        return ()

    def interrupted(self) -> bool:
        return _Worker.interrupted.is_set()

    def at_the_end(self, leave: Callable[[], None]) -> None:
        _Worker.leave = leave


class _Worker:
    """What a worker process knows of its parent."""

    pipe: Connection[Any, Any]
    sending = threading.Lock()
    interrupted = threading.Event()
    leave: Callable[[], None] | None = None


def _begin(pipe: Connection[Any, Any]) -> None:
    """The first thing in a worker. A Ctrl-C reaches all processes of a terminal; the parent alone decides what it means."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _Worker.pipe = pipe
    threading.Thread(target=_obey, args=(pipe,), name="parent", daemon=True).start()


def _obey(pipe: Connection[Any, Any]) -> None:
    """Without its parent nobody wants a worker's work: it goes, too, and lets its hosts know, whose agents need not wait then."""
    try:
        while True:
            pipe.recv()
            _Worker.interrupted.set()
    except (EOFError, OSError):
        with contextlib.suppress(Exception):
            if _Worker.leave:
                _Worker.leave()
        os._exit(1)


class _Pools(Executor):
    """A pool of its own for each process: one that dies breaks no other."""

    def __init__(self, workers: int) -> None:
        self.handler: Callable[[Message], None] = lambda _message: None
        self._slots = [_Slot(self._heard) for _ in range(workers)]
        self._turn = itertools.cycle(range(workers))

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        number = next(self._turn)
        if self._slots[number].broken:
            self._slots[number] = _Slot(self._heard)
        return self._slots[number].submit(work, *arguments, **named)

    def say_stop(self) -> None:
        for slot in self._slots:
            slot.say_stop()

    def end(self) -> None:
        for slot in self._slots:
            slot.end()

    def _heard(self, message: Message) -> None:
        self.handler(message)


class _Slot:
    """One process, started when it is first needed, and the thread that reads what it tells."""

    def __init__(self, heard: Callable[[Message], None]) -> None:
        self._heard = heard
        self._pipe, self._theirs = _SPAWN.Pipe()
        self._pool = ProcessPoolExecutor(1, mp_context=_SPAWN, initializer=_begin, initargs=(self._theirs,))
        self._reader = threading.Thread(target=self._read, name="worker", daemon=True)
        self.broken = False

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        outer: Future[Any] = Future()
        inner = self._pool.submit(work, *arguments, **named)
        if not self._reader.ident:
            self._theirs.close()  # so that the pipe ends with the process
            self._reader.start()
        outer.set_running_or_notify_cancel()
        inner.add_done_callback(lambda done: self._settle(done, outer))
        return outer

    def say_stop(self) -> None:
        if self._reader.ident:
            with contextlib.suppress(OSError):
                self._pipe.send("stop")

    def end(self) -> None:
        if self._reader.ident:
            self._pool.shutdown(wait=False, cancel_futures=True)
            _hang_up(self._pipe)
            self._reader.join(JOIN_LIMIT)  # whoever closes a pipe under its reader leaves it reading from anything
        self._pipe.close()

    def _settle(self, inner: Future[Any], outer: Future[Any]) -> None:
        error = inner.exception() if not inner.cancelled() else BrokenProcessPool("it was ended")
        if error is None:
            outer.set_result(inner.result())
            return
        if isinstance(error, BrokenProcessPool):
            self.broken = True
            self._reader.join(JOIN_LIMIT)
        outer.set_exception(error)

    def _read(self) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                self._heard(self._pipe.recv())


def _hang_up(pipe: Connection[Any, Any]) -> None:
    """Both who read it, here and in the worker, see its end at once. (`multiprocessing` has two-way pipes of sockets.)"""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(pipe.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)
