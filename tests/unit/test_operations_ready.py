"""What operations do once for many hosts, and that it is done anew for what has changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from windlass.errors import InventoryError
from windlass.operations.operation import LocalFile
from windlass.operations.template import Template
from windlass.values import Secret


def test_a_file_that_changed_has_another_checksum(tmp_path: Path) -> None:
    path = tmp_path / "content"
    path.write_bytes(b"one")
    first, again = LocalFile.of(path), LocalFile.of(path)
    path.write_bytes(b"two, longer")
    assert first == again
    assert LocalFile.of(path).checksum != first.checksum
    assert LocalFile.of(path).size == 11


def test_a_template_is_looked_at_before_any_host_is() -> None:
    broken = Template(path="/etc/one", source="a\n{% if %}", name="one.j2")
    with pytest.raises(InventoryError, match=r"one\.j2 of /etc/one, line 2"):
        broken.get_ready()


def test_the_same_text_gives_each_host_its_own_values() -> None:
    texts = [Template(path="/etc/one", source="I am {{ name }}", values={"name": name}).content() for name in ("web1", "web2")]
    assert texts == ["I am web1", "I am web2"]


def test_only_the_secrets_that_a_text_uses_make_it_one() -> None:
    values = {"password": Secret("hunter2hunter2"), "port": 80}
    assert Template(path="/etc/one", source="{{ port }}", values=values).content() == "80"
    assert Template(path="/etc/one", source="{{ password }}", values=values).content() == Secret("hunter2hunter2")
