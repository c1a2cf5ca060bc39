"""The settings of the role; see defaults.yml."""

from windlass.inventory.schema import Entry


class Settings(Entry):
    """What the templates know."""

    app_name: str
    debug: bool
    workers: int
