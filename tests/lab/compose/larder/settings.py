"""The settings of the role."""

from windlass.inventory.schema import Entry


class Settings(Entry):
    image: str
