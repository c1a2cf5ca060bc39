"""How Alembic gets to the database: with the application's own settings, one run at a time."""

from alembic import context
from sqlalchemy import text

from notes.database import Base, engine

LOCK = 20_260_901  # any number, the same for all who migrate this database

with engine.connect() as connection:
    connection.execute(text("select pg_advisory_lock(:lock)"), {"lock": LOCK})
    connection.commit()
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()
