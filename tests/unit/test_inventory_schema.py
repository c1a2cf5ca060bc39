"""The JSON Schema says what the models say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.unit.inventory_support import roles_in
from windlass.inventory.export import schema


def entry(whole: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = whole["$defs"][name]
    return found


def test_every_key_has_a_description_and_no_entry_has_a_name(tmp_path: Path) -> None:
    whole = schema(roles_in(tmp_path))

    without = [
        f"{name}.{key}"
        for name, part in whole["$defs"].items()
        for key, inner in part.get("properties", {}).items()
        if "description" not in inner and name not in {"WebSettings", "DataSettings", "Limits", "Variables"}
    ]

    assert without == []
    assert [name for name, part in whole["$defs"].items() if "name" in part.get("properties", {})] == []
    assert json.loads(json.dumps(whole)) == whole


def test_the_file_has_these_sections(tmp_path: Path) -> None:
    whole = schema(roles_in(tmp_path))

    assert list(whole["properties"]) == ["environment", "hosts", "groups", "applications", "backups", "secrets", "variables"]
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


def test_role_settings_stand_under_variables_everywhere(tmp_path: Path) -> None:
    whole = schema(roles_in(tmp_path))

    variables = entry(whole, "Variables")["properties"]
    assert list(variables) == ["web", "data", "custom"]
    assert variables["web"]["description"] == "How the web server is set up."
    assert variables["web"]["properties"]["port"] == {"type": "integer", "description": "Where it listens"}
    assert "required" not in variables["web"]
    assert entry(whole, "Limits")["properties"]["files"]["default"] == 1024
    for place in (whole["properties"], entry(whole, "Host")["properties"], entry(whole, "Group")["properties"]):
        assert place["variables"]["$ref"] == "#/$defs/Variables"
