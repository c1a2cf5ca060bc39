"""The role `stack` on a real host: foreseen, made, left alone; and what changes replaces no more than it has to."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from time import monotonic, sleep

import pytest

from tests.lab.compose.place import Dock
from tests.lab.foresight import Witness, lies
from windlass.flows.setup import SetupResult

pytestmark = pytest.mark.lab

UP = "the stack as its folder says"
# A build that goes on until somebody answers on the host.
WAITING = """\
FROM larder:1
RUN ["/bin/busybox", "sh", "-c", "until /bin/busybox wget -q -O /dev/null http://172.17.0.1:8999/; do /bin/busybox sleep 0.2; done"]
CMD ["/bin/busybox", "sleep", "100000"]
"""
BUILDING = "docker ps -q --no-trunc --filter ancestor=larder:1 --format '{{.ID}} {{.Command}}' | grep wget"


def told(witness: Witness) -> dict[str, str]:
    """What was done, or would be, besides what was there already: its status by the operation's title."""
    return {event.title: event.status for seen in witness.seen.values() for event in seen if event.status != "ok"}


def done(dock: Dock) -> tuple[SetupResult, dict[str, str]]:
    """A check, and then the run, which does what the check has said."""
    checked, foretold = dock.setup(check=True)
    result, witnessed = dock.setup()
    assert checked.error() is None
    assert lies(foretold, witnessed) == []
    return result, told(witnessed)


def test_a_check_of_a_bare_host_foresees_what_the_run_does(dock: Dock) -> None:
    assert dock.foreseen.error() is None
    assert dock.first.error() is None
    assert lies(dock.foretold, dock.witnessed) == []
    assert told(dock.foretold)[UP] in ("changed", "unknown")
    assert set(dock.containers("cellar")) == {"cellar_front_1", "cellar_shelf_1"}


def test_what_is_as_it_should_be_is_left_alone(dock: Dock) -> None:
    before = dock.containers("cellar")
    checked, witness = dock.setup(check=True)

    assert (dock.second.error(), dock.second.changed) == (None, 0)
    assert {host.round_trips for host in dock.second.hosts.values()} == {2}
    assert (checked.changed, told(witness)) == (0, {})
    assert dock.containers("cellar") == before


def test_its_secrets_are_in_a_file_of_root_s_alone_and_in_nothing_that_is_told(dock: Dock) -> None:
    lines = dock.shell("cat /srv/cellar/.env").splitlines()
    secret = dict(line.split("=", 1) for line in lines)["SHELF_PASSWORD"]

    assert lines[0] == "TAG=v1"
    assert dock.shell("stat -c '%U %a' /srv/cellar/.env") == "root 600"
    assert len(secret) == 24
    assert secret not in repr((dock.foretold, dock.witnessed))
    assert dock.shell("docker exec cellar_shelf_1 /bin/busybox env | grep SHELF") == f"SHELF_PASSWORD={secret}"
    assert dock.shell("ls -A /srv/cellar").split() == [".env", "Dockerfile", "compose.yml", "page.txt"]


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [("inventories/{name}/all.yml", "TAG: v1", "TAG: v2"), ("cellar/page.txt", "bread", "cheese")],
    ids=["a value", "a file"],
)
def test_a_change_replaces_the_containers_that_it_concerns(dock: Dock, path: str, old: str, new: str) -> None:
    path = path.format(name=dock.workspace.environment.name)
    before, text = dock.containers("cellar"), (dock.project / path).read_text()
    dock.write(path, text.replace(old, new))

    result, changed = done(dock)

    after = dock.containers("cellar")
    assert result.error() is None
    assert changed[UP] == "changed"
    assert len(changed) == 2  # the file in the folder, and Compose
    assert after["cellar_front_1"] != before["cellar_front_1"]
    assert after["cellar_shelf_1"] == before["cellar_shelf_1"]


def test_a_compose_file_that_is_wrong_fails_with_composes_own_words_and_is_owed_until_it_is_mended(dock: Dock) -> None:
    before = dock.containers("cellar")
    text = dock.write("cellar/compose.yml", "services: {front: {build: ., prots: []}}\n")

    broken, _ = dock.setup()
    dock.write("cellar/compose.yml", text)
    mended, witness = dock.setup()

    error = broken.error()
    assert error is not None
    assert "prots" in "\n".join(error.last_lines)
    assert mended.error() is None
    assert told(witness)[UP] == "changed"
    assert dock.containers("cellar") == before


def test_what_compose_did_not_finish_when_nobody_was_there_any_more_is_owed_to_the_next_run(dock: Dock) -> None:
    before, text = dock.containers("cellar"), dock.write("cellar/Dockerfile", WAITING)
    process = dock.command("setup", "--yes")
    until(lambda: process.poll() is not None or bool(dock.shell(f"{BUILDING} || true")))
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    dock.shell(f"docker kill $({BUILDING} | cut -d' ' -f1)")  # and then the build fails, too
    until(lambda: dock.shell("pgrep -f '[d]ocker-compose up' || true") == "")

    dock.shell("mkdir -p /run/page; touch /run/page/index.html; busybox httpd -p 8999 -h /run/page")
    result, witness = dock.setup()
    again, _ = dock.setup()

    assert result.error() is None
    assert told(witness) == {UP: "changed"}
    assert dock.containers("cellar")["cellar_front_1"] != before["cellar_front_1"]
    assert again.changed == 0
    dock.write("cellar/Dockerfile", text)


def test_what_the_folder_has_no_more_goes_only_where_that_is_wanted(dock: Dock) -> None:
    path = f"inventories/{dock.workspace.environment.name}/all.yml"
    dock.shell("cd /srv/cellar; echo mine >notes.txt; echo old >old.txt")
    kept, _ = dock.setup()
    there = dock.shell("ls /srv/cellar").split()
    dock.write(path, (dock.project / path).read_text().replace("place: /srv/cellar", "place: /srv/cellar\n    clean: true"))

    result, changed = done(dock)
    again, _ = dock.setup()

    assert (kept.error(), result.error(), again.changed) == (None, None, 0)
    assert {"notes.txt", "old.txt"} <= set(there)
    assert set(there) - set(dock.shell("ls /srv/cellar").split()) == {"old.txt"}
    assert dock.shell("stat -c %a /srv/cellar/.env") == "600"
    assert UP in changed


def until(true: Callable[[], bool]) -> None:
    """Wait until something is true; a generous limit says that it never will be."""
    deadline = monotonic() + 120
    while not true():
        assert monotonic() < deadline, "it did not come true"
        sleep(0.2)
