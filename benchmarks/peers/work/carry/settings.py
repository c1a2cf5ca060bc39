"""The settings of the role; see defaults.yml."""

from windlass.inventory.schema import Entry


class Settings(Entry):
    """What is carried."""

    file: str
    tree: str
