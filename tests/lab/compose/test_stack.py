"""The role `stack` on a real host: foreseen, made, left alone; and what changes replaces no more than it has to."""

from __future__ import annotations

import os
import signal

import pytest

from tests.lab.compose.place import Dock
from tests.lab.foresight import Witness, lies
from tests.waiting import until
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


@pytest.fixture
def cellar(dock: Dock) -> Dock:
    """The stack as its folder says now, whatever the test before has changed there last."""
    result, _ = dock.setup()
    assert result.error() is None
    return dock


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


def test_what_is_as_it_should_be_is_left_alone(cellar: Dock) -> None:
    before = cellar.containers("cellar")
    checked, witness = cellar.setup(check=True)

    assert (cellar.second.error(), cellar.second.changed) == (None, 0)
    assert {host.round_trips for host in cellar.second.hosts.values()} == {2}
    assert (checked.changed, told(witness)) == (0, {})
    assert cellar.containers("cellar") == before


def test_what_its_containers_write_is_kept_within_bounds_from_the_first_start_of_docker_on(dock: Dock) -> None:
    bounds = dock.shell(
        "docker inspect --format '{{.HostConfig.LogConfig.Type}} {{json .HostConfig.LogConfig.Config}}' cellar_front_1"
    )

    assert bounds == 'json-file {"max-file":"2","max-size":"5m"}'


def test_its_secrets_are_in_a_file_of_root_s_alone_and_in_nothing_that_is_told(dock: Dock) -> None:
    lines = dock.shell("cat /srv/cellar/.env").splitlines()
    secret = dict(line.split("=", 1) for line in lines)["SHELF_PASSWORD"]

    assert lines[0].startswith("TAG=v")
    assert dock.shell("stat -c '%U %a' /srv/cellar/.env") == "root 600"
    assert len(secret) == 24
    assert secret not in repr((dock.foretold, dock.witnessed))
    assert dock.shell("docker exec cellar_shelf_1 /bin/busybox env | grep SHELF") == f"SHELF_PASSWORD={secret}"


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [("inventories/{name}/all.yml", "TAG: v1", "TAG: v2"), ("cellar/page.txt", "bread", "cheese")],
    ids=["a value", "a file"],
)
def test_a_change_replaces_the_containers_that_it_concerns(cellar: Dock, path: str, old: str, new: str) -> None:
    path = path.format(name=cellar.workspace.environment.name)
    before, text = cellar.containers("cellar"), (cellar.project / path).read_text()
    cellar.write(path, text.replace(old, new))

    result, changed = done(cellar)

    after = cellar.containers("cellar")
    assert result.error() is None
    assert changed[UP] == "changed"
    assert len(changed) == 2  # the file in the folder, and Compose
    assert after["cellar_front_1"] != before["cellar_front_1"]
    assert after["cellar_shelf_1"] == before["cellar_shelf_1"]


def test_a_compose_file_that_is_wrong_fails_with_composes_own_words_and_is_owed_until_it_is_mended(cellar: Dock) -> None:
    before = cellar.containers("cellar")
    text = cellar.write("cellar/compose.yml", "services: {front: {build: ., prots: []}}\n")

    broken, _ = cellar.setup()
    cellar.write("cellar/compose.yml", text)
    mended, witness = cellar.setup()

    error = broken.error()
    assert error is not None
    assert "prots" in "\n".join(error.last_lines)
    assert mended.error() is None
    assert told(witness)[UP] == "changed"
    assert cellar.containers("cellar") == before


def test_what_compose_did_not_finish_when_nobody_was_there_any_more_is_owed_to_the_next_run(cellar: Dock) -> None:
    before, text = cellar.containers("cellar"), cellar.write("cellar/Dockerfile", WAITING)
    process = cellar.command("setup", "--yes")
    until(lambda: process.poll() is not None or bool(cellar.shell(f"{BUILDING} || true")))
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    cellar.shell(f"docker kill $({BUILDING} | cut -d' ' -f1)")  # and then the build fails, too
    until(lambda: cellar.shell("pgrep -f '[d]ocker-compose up' || true") == "")

    cellar.shell("mkdir -p /run/page; touch /run/page/index.html; busybox httpd -p 8999 -h /run/page")
    result, witness = cellar.setup()
    again, _ = cellar.setup()

    assert result.error() is None
    assert told(witness) == {UP: "changed"}
    assert cellar.containers("cellar")["cellar_front_1"] != before["cellar_front_1"]
    assert again.changed == 0
    cellar.write("cellar/Dockerfile", text)


def test_what_the_folder_has_no_more_goes_only_where_that_is_wanted(cellar: Dock) -> None:
    path = f"inventories/{cellar.workspace.environment.name}/all.yml"
    cellar.shell("cd /srv/cellar; echo mine >notes.txt; echo old >old.txt")  # one of them is excluded, as no part of the stack
    kept, _ = cellar.setup()
    there = cellar.shell("ls /srv/cellar").split()
    cellar.write(path, (cellar.project / path).read_text().replace("place: /srv/cellar", "place: /srv/cellar\n    clean: true"))

    result, changed = done(cellar)
    again, _ = cellar.setup()

    assert (kept.error(), result.error(), again.changed) == (None, None, 0)
    assert {"notes.txt", "old.txt"} <= set(there)
    assert cellar.shell("cat /srv/cellar/notes.txt") == "mine"
    assert set(there) - set(cellar.shell("ls /srv/cellar").split()) == {"old.txt"}
    assert cellar.shell("stat -c %a /srv/cellar/.env") == "600"
    assert UP in changed
