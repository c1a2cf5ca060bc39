"""The tables, and the way to them."""

from datetime import datetime

from sqlalchemy import DateTime, Integer, Text, create_engine, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from notes import settings

engine = create_engine(settings.read().database_url, pool_pre_ping=True, connect_args={"connect_timeout": 2})


class Base(DeclarativeBase):
    """All tables."""


class Note(Base):
    """A text, and how many words it has, once the worker has counted them."""

    __tablename__ = "notes"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(Text)
    words: Mapped[int | None] = mapped_column(Integer)
    created: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class Run(Base):
    """A task that the worker finished: under which mark, and which release it was of."""

    __tablename__ = "runs"

    id: Mapped[int] = mapped_column(primary_key=True)
    mark: Mapped[str] = mapped_column(Text)
    release: Mapped[str] = mapped_column(Text)
    finished: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
