"""The README's example is an inventory that is accepted as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

from windlass.flows.workspace import load_environment

TOP = Path(__file__).parent.parent.parent


def test_the_first_ten_minutes_are_a_valid_inventory(tmp_path: Path) -> None:
    folder = tmp_path / "inventories" / "mine"
    folder.mkdir(parents=True)
    blocks = re.findall(r"```yaml\n(.*?)```", (TOP / "README.md").read_text(), re.DOTALL)
    for name, text in zip(("hosts", "applications", "variables"), blocks, strict=True):
        (folder / f"{name}.yml").write_text(text)

    environment = load_environment(tmp_path, "mine")

    assert list(environment.hosts) == ["server1"]
    assert environment.roles_of("server1") == ("base", "firewall", "nginx", "nodejs", "postgresql", "app")
    assert environment.application("shop").web.listen == "socket"
