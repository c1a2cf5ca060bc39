"""Notes: a small service as a Python team would write it. FastAPI, SQLAlchemy and Alembic on PostgreSQL, Celery on Redis."""
