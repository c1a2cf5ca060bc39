"""What an operation may use while it runs on the host: the mode, the wire, what earlier operations will have made."""

from __future__ import annotations

import itertools
import os
import threading
import time
from typing import Any, Callable, Dict, Iterator, List, Set, Tuple

from windlass.agent.core import frames
from windlass.agent.core.known import Known
from windlass.agent.core.outcome import OperationError
from windlass.agent.core.parts import Empty, SimpleQueue

STATE = "/var/lib/windlass"  # what must outlive a reboot: notifications that are owed
RUN = "/run/windlass"  # what must not: locks


class Context:
    """One batch's surroundings.

    check       nothing on the host may change
    gone        set when the controller is gone: long waits end early, no further operation starts
    cancelled   set when the controller wants this batch to end early, in the same way
    controller  which process it is, for the controllers of other agents
    on_trial    a change waits for somebody who comes in anew
    began       when this batch did, by the monotonic clock
    known       what the host has said already in this batch
    kept        things that live as long as the agent's process (open lock files)
    """

    def __init__(self, send: Callable[[bytes], None], check: bool = False, secrets: Tuple[str, ...] = ()) -> None:
        self.send = send
        self.check = check
        self.secrets = secrets
        self.gone = threading.Event()
        self.cancelled = threading.Event()
        self.controller = ""
        self.on_trial = False
        self.kept: Dict[str, Any] = {}
        self.began = time.monotonic()
        self.known = Known()
        self.streams: Dict[int, "SimpleQueue[memoryview]"] = {}
        self._expected: Set[Tuple[str, str]] = set()
        self.foresights: Any = None  # of a check: foreseen.Foresights, which a run does not load
        self._next_stream = 1
        self._given: Dict[str, int] = {}
        self.answers: Dict[int, "SimpleQueue[Dict[str, Any]]"] = {}
        self._questions = itertools.count(1)

    def expect(self, kind: str, name: str) -> None:
        """Remember what this batch makes, for later operations, above all those of a check.

        The kinds are `user`, `group`, `package`, `kept package` (marked as wanted), `hold`, `unhold` and `upgrade` (of packages),
        `path`, `tree` (a folder with whatever is in it), `command` (anything at all), `kernel module`, `locale`, `unit file` (that
        systemd has read), `remount` (of a path), and of PostgreSQL `postgres role`, `postgres revoke`, `database` and `schema`.
        """
        self._expected.add((kind, name))
        if self.foresights and kind in ("path", "tree"):
            self.foresights.unknown(name)

    def expect_no_longer(self, path: str) -> None:
        """An operation takes away what earlier ones of this check would have made there."""
        self._expected = {(kind, name) for kind, name in self._expected if not (name + "/").startswith(path + "/")}

    def expect_nobody(self, kind: str, name: str) -> None:
        """The same of a user or a group."""
        self._expected.discard((kind, name))

    def foreseen(self, path: str) -> Any:
        """How earlier operations of this check leave a path; None where what is there now counts, as always in a run."""
        return self.foresights.at(path) if self.foresights else None

    def need_writable(self, path: str, of_itself: bool = False) -> None:
        """In a check, insist that the run can change what is there: to be called before anything is foreseen of it. Raises OSError.

        of_itself   only its owner and mode, which takes no new name
        """
        if self.foresights:
            self.foresights.need_writable(path, of_itself)

    def real(self, path: str) -> str:
        """Where links lead; in a check those that earlier operations make, too."""
        return str(self.foresights.real(path)) if self.foresights else os.path.realpath(path)

    def is_folder(self, path: str) -> bool:
        """Whether there is, or will be, a directory."""
        path = self.real(path) if self.foresights else path
        foreseen = self.foreseen(path)
        return bool(foreseen.is_folder()) if foreseen else os.path.isdir(path)

    def is_unknown(self, path: str) -> bool:
        """Whether only a run can tell what will be there."""
        foreseen = self.foreseen(self.real(path)) if self.foresights else None
        return bool(foreseen and foreseen.is_unknown())

    def is_there(self, path: str) -> bool:
        """Whether there is, or will be, anything at all of this name."""
        foreseen = self.foreseen(path)
        return bool(foreseen.is_there()) if foreseen else os.path.lexists(path)

    def expected(self, kind: str, name: str) -> bool:
        """Whether an earlier operation of this check would have made it."""
        return (kind, name) in self._expected

    def expects_any(self, kind: str) -> bool:
        """Whether earlier operations of this check would have made anything of this kind."""
        return any(expected == kind for expected, _name in self._expected)

    def expects_below(self, folder: str) -> bool:
        """Whether an earlier operation of this batch makes anything in this folder."""
        return any(kind in ("path", "tree") and name.startswith(folder + "/") for kind, name in self._expected)

    def expects_path(self, path: str) -> bool:
        """Whether this path would be there by now: made itself, or something in it, or in a tree that may well hold it."""
        if self.expected("path", path) or self.expects_below(path):
            return True
        while path not in ("/", ""):
            if self.expected("tree", path):
                return True
            path = os.path.dirname(path)
        return False

    def of_unit(self, unit: str, state: Dict[str, str]) -> Dict[str, str]:
        """What systemd says of a unit, and in a check what it will say by then."""
        return dict(state, **self.foresights.units.get(unit, {})) if self.foresights else state

    def expected_above(self, kind: str, path: str) -> bool:
        """Whether an earlier operation of this check would have made it of a folder that this path is in."""
        return any(expected == kind and path.startswith(name + "/") for expected, name in self._expected)

    def expects_of(self, text: str) -> bool:
        """Whether a text speaks of anything that earlier operations of this check would have made or taken away."""
        import re  # noqa: PLC0415 - what has to be foreseen takes its time anyway

        names = {name for _kind, name in self._expected} | set(self.foresights.paths() if self.foresights else ())
        return any(name in text and re.search(r"(?<![\w.-])%s(?![\w.-])" % re.escape(name), text) for name in names)

    def expects_surprises(self) -> bool:
        """Whether an earlier operation of this check would have made what nobody can list beforehand."""
        return any(kind in ("package", "command") for kind, _name in self._expected)

    def begin(self, check: bool, secrets: Tuple[str, ...]) -> None:
        """A new batch starts with nothing expected of earlier ones."""
        self.check = check
        self.secrets = secrets
        self.began = time.monotonic()
        self._expected.clear()
        self.foresights = None

    def note(self, text: str) -> None:
        """A line for the person who watches."""
        self.send(frames.encode(frames.NOTE, {"text": self.mask(text)}))

    def mask(self, text: str) -> str:
        """Text fit to be shown: no secret in it, and no half characters (of file names) that no terminal takes."""
        for secret in self.secrets:
            text = text.replace(secret, "•••")
        return text.encode("utf-8", "backslashreplace").decode()

    def mask_lines(self, lines: List[str]) -> List[str]:
        return [self.mask(line) for line in lines]

    def wait(self, seconds: float) -> None:
        """Sleep; raises OperationError if the controller goes away or has had enough meanwhile."""
        if self.cancelled.wait(seconds):
            self.check_wanted()

    def check_wanted(self) -> None:
        """Raises OperationError if the controller is away or has had enough."""
        if self.cancelled.is_set():
            raise OperationError("the controller went away" if self.gone.is_set() else "interrupted")

    def fetch(self, checksum: str, **wish: Any) -> Iterator[memoryview]:
        """The content the controller offered under this checksum, piece by piece. Raises OperationError if it is cut off.

        A wish narrows it: `want` which files of a tree, from and to, `squeeze` them with zlib, or only `describe` it; `delta`, what
        an old file has.
        """
        given = None if wish else self._given.pop(checksum, None)
        stream = self._asked_for(checksum, wish) if given is None else given
        incoming = self.streams[stream]
        taken = 0
        try:
            while True:
                self.check_wanted()
                chunk = self._next_chunk(incoming)
                if not chunk:
                    return
                yield chunk
                taken += len(chunk)
                if taken >= frames.WINDOW // 4 and given is None:
                    self.send(frames.encode(frames.CREDIT, {"stream": stream, "bytes": taken}))
                    taken = 0
        finally:
            del self.streams[stream]

    def _asked_for(self, checksum: str, wish: Dict[str, Any]) -> int:
        """The number of the stream in which it will come."""
        stream, self._next_stream = self._next_stream, self._next_stream + 1
        self.streams[stream] = SimpleQueue()
        self.send(frames.encode(frames.FETCH, dict(wish, stream=stream, checksum=checksum, window=frames.WINDOW)))
        return stream

    def take_along(self, given: Dict[str, int]) -> None:
        """Content comes along with a call, unasked, by checksum in these streams. What the call before did not want goes."""
        for stream in self._given.values():
            self.streams.pop(stream, None)
        self.streams.update({stream: SimpleQueue() for stream in given.values()})
        self._given = dict(given)

    def _next_chunk(self, incoming: "SimpleQueue[memoryview]") -> memoryview:
        while True:
            try:
                return incoming.get(timeout=1.0)
            except Empty:
                self.check_wanted()

    def ask(self, question: Dict[str, Any]) -> Dict[str, Any]:
        """What the controller says to a question; several threads may ask. Raises OperationError if it goes away meanwhile."""
        number = next(self._questions)
        incoming: "SimpleQueue[Dict[str, Any]]" = SimpleQueue()
        self.answers[number] = incoming
        self.send(frames.encode(frames.ASK, {"number": number, "question": question}))
        try:
            while True:
                try:
                    return incoming.get(timeout=1.0)
                except Empty:
                    self.check_wanted()
        finally:
            del self.answers[number]

    def answered(self, number: int, answer: Dict[str, Any]) -> None:
        """An answer came; nobody may want it any more."""
        waiting = self.answers.get(number)
        if waiting is not None:
            waiting.put(answer)

    def arrived(self, stream: int, chunk: memoryview) -> None:
        """A piece of content came, in the same way."""
        incoming = self.streams.get(stream)
        if incoming is not None:
            incoming.put(chunk)

    def emit(self, stream: int, chunk: bytes) -> None:
        """Send a piece of a stream to the controller; SSH's own window is the brake."""
        self.check_wanted()
        for start in range(0, len(chunk), frames.LARGE_CHUNK):
            self.send(frames.encode_data(stream, chunk[start : start + frames.LARGE_CHUNK]))

    def end_stream(self, stream: int) -> None:
        self.send(frames.encode_data(stream, b""))
