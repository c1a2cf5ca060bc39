"""The JSON Schema says what the models say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.inventory_support import roles_in
from windlass.inventory.export import schema


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The schema of an inventory with roles of its own; nobody changes it."""
    return schema(roles_in(tmp_path_factory.mktemp("roles")))


def entry(whole: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = whole["$defs"][name]
    return found


def test_every_key_has_a_description_and_no_entry_has_a_name(whole: dict[str, Any]) -> None:
    without = [
        f"{name}.{key}"
        for name, part in whole["$defs"].items()
        for key, inner in part.get("properties", {}).items()
        if "description" not in inner and name not in {"WebSettings", "DataSettings", "Limits", "Variables"}
    ]

    assert without == []
    assert [name for name, part in whole["$defs"].items() if "name" in part.get("properties", {})] == []
    assert json.loads(json.dumps(whole)) == whole


def test_the_file_has_these_sections(whole: dict[str, Any]) -> None:
    assert list(whole["properties"]) == [
        "environment",
        "hosts",
        "groups",
        "applications",
        "backups",
        "stores",
        "secrets",
        "variables",
    ]
    assert whole["additionalProperties"] is False
    assert whole["properties"]["hosts"]["additionalProperties"] == {"$ref": "#/$defs/Host"}
    assert entry(whole, "Host")["required"] == ["address"]
    assert entry(whole, "Host")["properties"]["port"] == {
        "default": 22, "description": "Port of the SSH server", "maximum": 65535, "minimum": 1, "type": "integer",
    }  # fmt: skip
    assert entry(whole, "Process")["properties"]["listen"]["enum"] == ["none", "socket", "port"]
    assert [kind["$ref"] for kind in entry(whole, "Application")["properties"]["source"]["anyOf"]] == [
        "#/$defs/GitSource", "#/$defs/PathSource", "#/$defs/NpmSource",
    ]  # fmt: skip


def test_role_settings_stand_under_variables_everywhere(whole: dict[str, Any]) -> None:
    variables = entry(whole, "Variables")["properties"]
    assert list(variables) == ["web", "data", "custom"]
    assert variables["web"]["description"] == "How the web server is set up."
    assert variables["web"]["properties"]["port"] == {"type": "integer", "description": "Where it listens"}
    assert "required" not in variables["web"]
    assert entry(whole, "Limits")["properties"]["files"]["default"] == 1024
    for place in (whole["properties"], entry(whole, "Host")["properties"], entry(whole, "Group")["properties"]):
        assert place["variables"]["$ref"] == "#/$defs/Variables"


SECTIONS = {
    "environment": "General", "environment.notify": "Notify", "notify.email": "Email", "email.smtp": "Smtp",
    "hosts": "Host", "groups": "Group", "applications": "Application", "source: {git: …}": "GitSource",
    "source: {path: …}": "PathSource", "source: {npm: …}": "NpmSource", "build": "Build", "processes": "Process", "ports": "Ports",
    "cron": "CronEntry",
    "health": "Health", "gate": "Gate", "static": "Static", "site": "Site", "site.tls": "Tls", "site.redirects": "Redirect",
    "site.cors": "Cors", "site.paths": "PathLimits",
    "backups": "Backup", "directories": "Folder", "redis": "RedisCopy", "keep": "Keep", "stores": "StoreEntry", "s3": "S3",
    "secrets": "SecretEntry",
}  # fmt: skip


def reference(whole: dict[str, Any]) -> str:
    """The tables of all keys, as docs/inventory.md has them."""
    parts = []
    for title, name in SECTIONS.items():
        part = entry(whole, name)
        rows = [
            f"| `{key}` | {_default(key, part)} | {' '.join(inner['description'].split())} |"
            for key, inner in part["properties"].items()
        ]
        parts.append(
            "\n".join([f"### `{title}`", "", part["description"], "", "| key | default | meaning |", "|---|---|---|", *rows, ""])
        )
    return "\n".join(parts)


def _default(key: str, part: dict[str, Any]) -> str:
    if key in part.get("required", ()):
        return "needed"
    default = part["properties"][key].get("default")
    return f"`{json.dumps(default)}`" if default not in (None, "", {}, []) and not isinstance(default, dict) else ""


def test_the_guide_s_reference_says_what_the_schema_says(whole: dict[str, Any]) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "inventory.md").read_text(encoding="utf-8")

    assert guide.partition("## Reference\n\n")[2] == reference(whole)
