"""What happens in the background: Celery's tasks, for the worker, and their timetable, for beat."""

import time

from celery import Celery
from celery.signals import beat_init, worker_ready
from sqlalchemy.orm import Session

from notes import fault, settings
from notes.database import Note, Run, engine

fault.at_load("worker")

app = Celery("notes", broker=settings.read().redis_url)
app.conf.update(
    broker_connection_retry_on_startup=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=1,  # what this worker has not begun is free for the next one
    beat_schedule={"tick": {"task": "notes.tasks.tick", "schedule": 1.0, "options": {"expires": 5}}},
)


@worker_ready.connect
def _ready(**_about: object) -> None:
    fault.once_ready("worker")


@beat_init.connect
def _beat(**_about: object) -> None:
    fault.once_ready("beat")


@app.task
def count_words(note: int) -> None:
    """Count the words of a note."""
    with Session(engine) as session, session.begin():
        found = session.get(Note, note)
        if found:
            found.words = len(found.text.split())


@app.task
def work(seconds: float, mark: str) -> None:
    """Take some time, and write down that it is done."""
    time.sleep(seconds)
    with Session(engine) as session, session.begin():
        session.add(Run(mark=mark, release=settings.read().release))


@app.task
def tick() -> None:
    """What beat has done regularly."""
    with Session(engine) as session, session.begin():
        session.add(Run(mark="tick", release=settings.read().release))
