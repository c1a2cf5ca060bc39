"""Where the project is that a command is about."""

from __future__ import annotations

from pathlib import Path


def project_folder(start: Path | None = None) -> Path:
    """The nearest folder, from here upwards, that holds inventories; the current one where none does."""
    here = (start or Path()).absolute()
    return next((folder for folder in (here, *here.parents) if (folder / "inventories").is_dir()), here)
