"""The service: notes in, notes out. It answers who it is, and stops when it is told to."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from redis import Redis
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from notes import fault, settings, tasks
from notes.database import Note, Run, engine

fault.at_load("web")
SETTINGS = settings.read()
FAULT = fault.of("web").get("FAULT", "none")
redis = Redis.from_url(SETTINGS.redis_url, socket_timeout=2, socket_connect_timeout=2)


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """uvicorn listens once this has begun, and waits for its requests before it ends."""
    while FAULT == "never-ready":
        print("still not ready", flush=True)
        await asyncio.sleep(0.5)
    fault.once_ready("web")
    yield
    engine.dispose()


app = FastAPI(title="Notes", lifespan=lifespan)


@app.middleware("http")
async def who(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Every answer says which release gave it."""
    response = await call_next(request)
    response.headers["X-Release"] = SETTINGS.release
    response.headers["X-Slot"] = SETTINGS.slot
    return response


@app.get("/version")
def version() -> dict[str, str]:
    """Who answers; needs no database."""
    return {"release": SETTINGS.release, "slot": SETTINGS.slot}


@app.get("/healthz")
def healthz() -> JSONResponse:
    """200 when PostgreSQL and Redis both answer, else 503 with the reason."""
    if FAULT == "unhealthy":
        return JSONResponse({"reason": "told to be unhealthy"}, 503)
    try:
        with Session(engine) as session:
            session.execute(select(1))
        redis.ping()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the reason
        return JSONResponse({"reason": str(error)}, 503)
    return JSONResponse(version())


@app.get("/slow")
async def slow(seconds: float = 1.0) -> dict[str, str]:
    """The same after some seconds, for watching a drain."""
    await asyncio.sleep(min(seconds, 60.0))
    return version()


class NewNote(BaseModel):
    """What a note is made of."""

    text: str = Field(min_length=1, max_length=10_000)


@app.post("/notes", status_code=201)
def write(new: NewNote) -> dict[str, Any]:
    """Keep a note; the worker counts its words."""
    with Session(engine) as session:
        note = Note(text=new.text)
        session.add(note)
        session.commit()
        tasks.count_words.delay(note.id)
        return {"id": note.id}


@app.get("/notes")
def read(limit: int = 50) -> dict[str, Any]:
    """The newest notes."""
    with Session(engine) as session:
        found = session.scalars(select(Note).order_by(Note.id.desc()).limit(min(limit, 200)))
        return {"notes": [{"id": note.id, "text": note.text, "words": note.words} for note in found]}


@app.post("/work", status_code=202)
def work(mark: str, seconds: float = 1.0) -> dict[str, str]:
    """Give the worker something that takes some seconds."""
    tasks.work.delay(min(seconds, 60.0), mark)
    return {"mark": mark}


@app.get("/runs")
def runs(mark: str) -> dict[str, Any]:
    """How often a task with this mark was finished, and by which releases."""
    with Session(engine) as session:
        found = session.execute(select(Run.release, func.count()).where(Run.mark == mark).group_by(Run.release)).all()
        return {"count": sum(count for _, count in found), "releases": sorted(release for release, _ in found)}
