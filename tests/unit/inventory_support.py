"""A project in a temporary folder, with two small roles, for the tests of the inventory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from windlass.inventory import Environment, RoleSchema, SecretReference, load


class Limits(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    files: int = 1024


class WebSettings(BaseModel):
    """How the web server is set up."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    port: int
    """Where it listens"""
    names: dict[str, str]
    password: SecretReference | None = None
    limits: tuple[Limits, ...] = ()
    kernel: dict[str, str | int] = {}


class DataSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int
    needed: str


DEFAULTS = {"web": "# Where it listens.\nport: 80\nnames: {a: one}\n", "data": "size: 10\n"}
MODELS: Mapping[str, type[BaseModel]] = {"web": WebSettings, "data": DataSettings}


def roles_in(project: Path, defaults: Mapping[str, str] | None = None) -> dict[str, RoleSchema]:
    """Write the roles' defaults into the project."""
    found: dict[str, RoleSchema] = {}
    for name, text in (defaults or DEFAULTS).items():
        path = project / "roles" / name / "defaults.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        found[name] = RoleSchema(name, path, MODELS[name])
    return found


def environment_in(
    project: Path, files: Mapping[str, str], name: str = "staging", roles: Mapping[str, str] | None = None
) -> Environment:
    """Write the files of an environment and load it."""
    folder = project / "inventories" / name
    folder.mkdir(parents=True, exist_ok=True)
    (project / "code").mkdir(exist_ok=True)
    for file, text in files.items():
        (folder / file).write_text(text, encoding="utf-8")
    return load(folder, roles_in(project, roles), project=project)
