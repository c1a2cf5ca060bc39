"""The README's example is an inventory that is accepted as it stands there, and its figures are those that were measured."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from windlass.flows.workspace import load_environment

TOP = Path(__file__).parent.parent.parent
PEERS = ("ansible", "mitogen", "pyinfra", "fabric")
BESIDE_PEERS = {  # rows of the README, and what they are called among the measured ratios
    "25 operations on one host, nothing to change (`transport: libssh2`)": "W1@1",
    "the same on eight hosts": "W1@8",
    "the same on 32 hosts": "W1@32",
    "there, processor time of the controller": "W1@32 cpu",
    "the same on one host 50 ms away": "W4@1",
    "a deploy of a frontend to one host 50 ms away": "W4 deploy@1",
    "each of 5,000 small files (`copy`, pyinfra's `sync`)": "W3 each small file",
}


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


def measured() -> Any:
    return json.loads((TOP / "docs" / "benchmarks.json").read_text())


def numbers(text: str) -> list[float]:
    return [float(each.replace(",", "")) for each in re.findall(r"\d[\d,]*(?:\.\d+)?", text)]


@pytest.mark.parametrize(("row", "ratio"), BESIDE_PEERS.items())
def test_the_readme_tells_what_was_measured_beside_the_peers(row: str, ratio: str) -> None:
    (line,) = [each for each in (TOP / "README.md").read_text().splitlines() if each.startswith(f"| {row} |")]
    shown = numbers(line.removeprefix(f"| {row} |"))

    assert shown == pytest.approx(
        [measured()["ratios"][ratio][peer] for peer in PEERS if peer in measured()["ratios"][ratio]], rel=0.06
    )


def test_the_readme_tells_what_was_measured_alone() -> None:
    figures = measured()
    lost, nothing, fanout = figures["lost_requests"], figures["nothing_to_do"], figures["fanout"]["hosts"]["200"]
    ours, bare = fanout["windlass"], fanout["paramiko_threads"]
    backup = figures["backup"]["ratios"]["times_faster_than"]
    cells = {
        "requests lost over four deploys": [lost["lost"], lost["requests"]],
        "rollback, from the Enter key": [
            figures["rollback"]["seconds"]["median"],
            lost["rollback_under_load_seconds"]["median"],
        ],
        "the switch itself": [lost["switch_milliseconds"]["median"]],
        "`invoke setup` with nothing to change": [nothing["setup"]["seconds"]["median"]],
        "`invoke deploy` of what serves already": [nothing["deploy"]["seconds"]["median"]],
        "blank host to a certificate": [figures["edge"]["blank_to_verified"]["seconds"]],
        "certificates issued in a week": [figures["edge"]["renewals"]["certificates"]],
        "a backup of 3.2 GB": [backup["pg_dump | gzip"], backup["pg_dump -Fc"], backup["pg_dump | restic"]],
        "`true` on 200 hosts": [ours[what]["median"] / bare[what]["median"] for what in ("seconds", "processor_seconds")],
        "200 MiB in one file": [figures["ratios"][f"W3 file, first@{hosts}"]["ssh cat (floor)"] for hosts in (1, 4)],
    }

    for row, values in cells.items():
        (line,) = [each for each in (TOP / "README.md").read_text().splitlines() if each.startswith(f"| {row}")]
        assert numbers(line.rsplit("|", 2)[1]) == pytest.approx(values, rel=0.06), row


def test_the_page_on_many_hosts_tells_what_was_measured() -> None:
    page, figures = (TOP / "docs" / "scale.md").read_text(), measured()
    unchanged, fanout = figures["peers W1"]["cases"], figures["fanout"]["hosts"]
    few, many = unchanged["unchanged@1"]["windlass"], unchanged["unchanged@32"]["windlass"]
    told = {
        r"`python -m benchmarks.fanout`: ([\d.]+) s for 200 hosts, ([\d.]+) s for one": [
            fanout[number]["windlass"]["processor_seconds"]["median"] for number in ("200", "1")
        ],
        r"W1 unchanged: ([\d.]+) s for 32 hosts, ([\d.]+) s for one": [many["processor"], few["processor"]],
        r"W1 unchanged, from 1 to 32: (\d+) to (\d+) MiB": [few["mebibytes"], many["mebibytes"]],
        r"from 1 to 200 hosts: (\d+) to (\d+) MiB": [fanout[number]["windlass"]["mebibytes"] for number in ("1", "200")],
        r"\(([\d.]+) s and ([\d.]+) s\); at most": [
            fanout["200"][name]["seconds"]["median"] for name in ("windlass", "paramiko_threads")
        ],
        r"\| ([\d,]+) a second \|": [figures["events_a_second"]],
    }

    for pattern, values in told.items():
        (found,) = re.findall(pattern, page)
        assert numbers(" ".join(found) if isinstance(found, tuple) else found) == pytest.approx(values, rel=0.06), pattern
