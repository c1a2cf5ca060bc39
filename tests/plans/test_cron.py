"""An application's cron entries; their programs are run by a real shell, in a folder that stands in for the host's."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from windlass.plans.cron import Entry, crontab, entry_program
from windlass.plans.layout import Layout

SHOP = Layout("shop")
LOG = "var/log/shop/cron-bills.log"


@pytest.fixture
def host(tmp_path: Path) -> Path:
    for folder in ("run/shop/locks", "var/log/shop", "srv/shop/releases/r1", "srv/shop/slots/blue"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "srv/shop/releases/r1/.env").write_text("GREETING='good day'\n")
    (tmp_path / "srv/shop/live").symlink_to("slots/blue")
    return tmp_path


def run(host: Path, command: str, slot: str = "blue", path: Path = Path("/usr/bin")) -> int:
    """As cron does, with a folder of programs that are found first; its exit status."""
    text = entry_program(SHOP, slot, "r1", Entry("bills", "@daily", command))
    for folder in ("/srv/shop", "/run/shop", "/var/log/shop"):
        text = text.replace(folder, f"{host}{folder}")
    program = host / "program"
    program.write_text(text)
    found = {"PATH": f"{path}:{os.environ['PATH']}"}
    return subprocess.run(["/bin/sh", str(program)], check=False, capture_output=True, env=found).returncode


def test_an_entry_runs_in_its_release_with_its_environment_and_writes_to_its_log(host: Path) -> None:
    assert run(host, 'echo "$GREETING from" $(basename $PWD); echo and an error >&2; exit 3') == 3

    first, *rest = (host / LOG).read_text().splitlines()
    assert "windlass runs bills in" in first
    assert rest == ["good day from r1", "and an error", "--- bills ended with status 3"]


def test_an_entry_of_a_slot_that_does_not_serve_does_nothing(host: Path) -> None:
    assert run(host, "echo here", "green") == 0
    assert not (host / LOG).exists()


def test_an_entry_runs_once_in_a_minute_whichever_slot_asks(host: Path) -> None:
    clock = host / "date"  # a minute that does not pass
    clock.write_text("#!/bin/sh\necho 2026-11-20T10:15Z\n")
    clock.chmod(0o755)

    codes = [run(host, "echo here", path=host) for _time in range(2)]

    assert codes == [0, 0]
    assert (host / LOG).read_text().splitlines()[1:] == ["here"]


def test_an_entry_that_still_runs_is_not_started_again(host: Path) -> None:
    lock = host / "run/shop/locks/cron-bills"

    with subprocess.Popen(["flock", str(lock), "sh", "-c", "echo held; read line"], stdin=-1, stdout=-1) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert run(host, "echo here") == 0
        holder.communicate(b"\n")

    assert (host / LOG).read_text().endswith("left out, because the run before has not ended\n")


def test_cron_reads_when_who_and_what() -> None:
    text = crontab(SHOP, "blue", "seller", [Entry("bills", "30 2 * * *", "node bills.js"), Entry("mail", "@hourly", "true")])

    assert text.splitlines()[1:] == [
        "SHELL=/bin/sh",
        "PATH=/usr/local/bin:/usr/bin:/bin",
        'MAILTO=""',
        "30 2 * * * seller /srv/shop/slots/blue/cron-bills",
        "@hourly seller /srv/shop/slots/blue/cron-mail",
    ]
