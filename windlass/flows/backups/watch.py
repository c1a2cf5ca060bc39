"""Around everything that happens to backups by night: written down when it begins and ends, and those told who are not there."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Literal, TypeVar

from windlass import events
from windlass.errors import RefusedError, WindlassError
from windlass.flows.backups.attempts import Attempt, What, attempts, key, last, note
from windlass.flows.backups.last_good import keep
from windlass.flows.backups.messengers import deliver, email, ping, webhook
from windlass.inventory import render, scope
from windlass.inventory.stores import label
from windlass.plans.notices import Notice, letter, payload
from windlass.report.masking import Mask
from windlass.values import Secret, human_seconds

if TYPE_CHECKING:
    from windlass.flows.workspace import Workspace
    from windlass.inventory import Backup

ONLY_IN_LAB = "lab"  # an environment that has no other hosts; twins of all others tell nobody
LINES = 20  # of a failed program's last words

Done = TypeVar("Done")


class Ended(KeyboardInterrupt):
    """Somebody, or a time limit, told this run to end (SIGTERM)."""


def nothing_wrong(_done: object) -> None:
    """What is said of work that raises whenever it fails."""


def watched(
    workspace: Workspace,
    entry: Backup,
    what: What,
    work: Callable[[], Done],
    listener: events.Listener = events.nobody,
    wrong: Callable[[Done], WindlassError | None] = nothing_wrong,
) -> Done:
    """Do something to a backup; tell the dead man's switch, and of a failure, or the end of one, those whom the inventory names.

    What `work` gives or raises is what this gives or raises: a message that does not arrive is told as a warning. `wrong`
    says what failed of work that came to something nevertheless.
    """
    watch = _Watch(workspace, entry, what, listener, datetime.now(UTC), time.monotonic())
    watch.begins()
    try:
        with _ended_by_signal():
            done = work()
    except BaseException as error:
        watch.failed(error)
        raise
    fault = wrong(done)
    if fault is None:
        watch.succeeded()
    else:
        watch.failed(fault)
    return done


@dataclass(frozen=True, slots=True)
class _Watch:
    workspace: Workspace
    entry: Backup
    what: What
    listener: events.Listener
    started: datetime
    began: float  # by the clock that does not jump

    def begins(self) -> None:
        keep(self.workspace)
        self._note(Attempt(started=self.started, failing=self._failing()))
        self._send(None, "start", f"{self._subject()} begins")

    def succeeded(self) -> None:
        now, failing = datetime.now(UTC), self._failing()
        self._note(Attempt(started=self.started, ended=now))
        notice = self._notice("recovered", now, failing) if failing else None
        body = f"{self._subject()}: done in {human_seconds(time.monotonic() - self.began)}"
        others = self._other_stores_that_fail()
        self._send(notice, "fail" if others else "", "\n".join([body, *others]))

    def failed(self, error: BaseException) -> None:
        """Whoever interrupts a run is there, and needs no message."""
        now = datetime.now(UTC)
        since = self._failing() or now
        message = _message(error)
        self._note(Attempt(started=self.started, ended=now, failed=self._masked(message), failing=since))
        notice = self._notice("refused" if isinstance(error, RefusedError) else "failed", now, since, error)
        body = "\n".join([notice.headline, *notice.lines, *([f"hint: {notice.hint}"] if notice.hint else [])])
        by_person = isinstance(error, KeyboardInterrupt) and not isinstance(error, Ended)
        self._send(None if by_person else notice, "fail", body)

    def _failing(self) -> datetime | None:
        before = last(self.workspace, self.entry, self.what)
        return before.failing if before else None

    def _other_stores_that_fail(self) -> list[str]:
        """One switch stands for all stores of a backup: it hears of a success when none of them fails."""
        tried = attempts(self.workspace, self.entry.name)
        stores = self.workspace.environment.backup(self.entry.name).stores
        keys = {store: key(self.what, store) for store in stores if store != self.entry.store}
        return [f"{store}: {tried[each].failed}" for store, each in keys.items() if each in tried and tried[each].failed]

    def _note(self, attempt: Attempt) -> None:
        try:
            note(self.workspace, self.entry, self.what, attempt)
        except OSError as error:
            self.listener(events.Note(f"what was tried cannot be written down: {error.strerror}", warning=True))

    def _notice(
        self, event: Literal["failed", "refused", "recovered"], at: datetime, since: datetime, error: BaseException | None = None
    ) -> Notice:
        told = error if isinstance(error, WindlassError) else None
        return Notice(
            event=event,
            what=self.what,
            environment=self.workspace.environment.name,
            name=self.entry.name,
            store=self.entry.store,
            database=self.entry.database,
            host=self.entry.host,
            operator=self.workspace.operator,
            at=at,
            since=since,
            message=self._masked(_message(error)) if error else "",
            hint=self._masked(told.hint) if told else "",
            lines=tuple(self._masked(line) for line in told.last_lines[-LINES:]) if told else (),
        )

    def _send(self, notice: Notice | None, signal_name: str, body: str) -> None:
        """The ping is about backups alone: a switch that a drill could reset would hide that backups stopped."""
        if self.workspace.lab is not None and self.workspace.environment.name != ONLY_IN_LAB:
            return
        messages: dict[str, Callable[[], None]] = {}
        if self.entry.ping and self.what == "backup":
            messages["the dead man's switch"] = lambda: ping(self._filled(self.entry.ping), signal_name, body)
        notify = self.workspace.environment.notify
        if notice and notify.webhook:
            messages["the webhook"] = lambda: webhook(self._filled(notify.webhook), payload(notice))
        if notice and notify.email:
            messages["the e-mail"] = partial(self._email, notice)
        for name, why in deliver(messages).items():
            self.listener(events.Note(f"{name} could not be told about {self._subject()}: {why}", warning=True))

    def _email(self, notice: Notice) -> None:
        settings = self.workspace.environment.notify.email
        if settings is not None:
            password = self._filled(settings.smtp.password) if settings.smtp else Secret("")
            email(settings, password, *letter(notice))

    def _filled(self, template: str) -> Secret:
        """A setting with its secrets. Raises ValueError, or InventoryError for a secret without a value."""
        environment = self.workspace.environment
        return Secret(render(template, scope(environment, environment.host(self.entry.host), self.workspace.secrets)))

    def _masked(self, text: str) -> str:
        return Mask(self.workspace.known_secrets).text(text)

    def _subject(self) -> str:
        return f"{self.workspace.environment.name}: {self.what} of {label(self.entry.name, self.entry.store)}"


def _message(error: BaseException) -> str:
    if isinstance(error, WindlassError):
        return error.message
    if isinstance(error, KeyboardInterrupt):
        return str(error) or "interrupted"
    return f"a fault in Windlass: {type(error).__name__}: {error}"


@contextmanager
def _ended_by_signal() -> Iterator[None]:
    """A time limit ends a run by SIGTERM: like Ctrl-C it clears away what was begun, and is told."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(_number: int, _frame: FrameType | None) -> None:
        raise Ended("it was told to end (SIGTERM), as a time limit does")

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        with suppress(TypeError):  # what was there before may not have been Python's
            signal.signal(signal.SIGTERM, before)
