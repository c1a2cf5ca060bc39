"""A host whose disk is full or read-only, or whose Python goes: no half-written file, nothing left over, and words that help."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.conftest import LabHosts, TestHost
from windlass.hosts.agent.results import Result
from windlass.hosts.channel import Channel
from windlass.operations.archive import Archive
from windlass.operations.command import Run
from windlass.operations.directory import Directory
from windlass.operations.file import File
from windlass.operations.line import Line
from windlass.operations.link import Link
from windlass.operations.operation import LocalFile, Operation
from windlass.operations.release import Progress, Record, Switch
from windlass.operations.wire import Batch

pytestmark = pytest.mark.lab
PLACE = "/srv/place"
OLD = "what was there before\n"
THERE = "/srv/large.tar"  # on a disk of the host with room for it


@pytest.fixture(scope="module")
def host(lab_hosts: LabHosts) -> TestHost:
    found = lab_hosts("disks", ["one"])["one"]
    found.shell(f"head -c 200000 /dev/urandom > /srv/large; tar -cf {THERE} -C /srv large; rm /srv/large")
    return found


@pytest.fixture
def channel(host: TestHost) -> Iterator[Channel]:
    opened = Channel(host.target)
    yield opened
    opened.close()


@pytest.fixture
def small(host: TestHost) -> Iterator[str]:
    """A file system of its own with a file and a link, and room for hardly anything more."""
    host.shell(f"mkdir -p {PLACE}; mount -t tmpfs -o size=64k,nr_inodes=12 tmpfs {PLACE}; printf '{OLD}' > {PLACE}/file")
    host.shell(f"ln -s old {PLACE}/link")
    yield PLACE
    host.shell(f"umount {PLACE}")


def tarball(folder: Path) -> LocalFile:
    """An archive of a file that is larger than the small file system."""
    (folder / "large").write_bytes(os.urandom(200_000))
    os.system(f"tar -cf {folder}/archive.tar -C {folder} large")  # noqa: S605 - a path of pytest's own
    return LocalFile.of(folder / "archive.tar")


def too_much(folder: Path) -> list[Operation]:
    """What does not fit, each in its own way."""
    large = "x" * 100_000
    return [
        File(path=f"{PLACE}/file", content=large),
        File(path=f"{PLACE}/new", content=LocalFile.of(tarball(folder).path)),
        Line(path=f"{PLACE}/file", line=large),
        Archive(path=f"{PLACE}/tree", content=tarball(folder)),
        Archive(path=f"{PLACE}/tree", content=THERE),
    ]


def failed(channel: Channel, operations: list[Operation]) -> list[Result]:
    results = channel.run(Batch(tuple(operations), go_on=True))
    assert all(result.failed for result in results), [result.summary for result in results if not result.failed]
    return list(results)


def left(host: TestHost) -> str:
    return host.shell(f"cd {PLACE}; find . -printf '%P %y %s %l;' | sort; cat file")


def test_a_full_disk_leaves_what_was_there_and_says_where_room_is_missing(
    host: TestHost, channel: Channel, small: str, tmp_path: Path
) -> None:
    before = left(host)

    results = failed(channel, too_much(tmp_path))

    assert left(host) == before
    assert {"No space left on device" in result.message for result in results} == {True}
    assert {"df -h" in result.hint for result in results} == {True}


def test_without_inodes_nothing_is_made_and_nothing_is_lost(host: TestHost, channel: Channel, small: str) -> None:
    host.shell(f"cd {small}; n=0; while touch filler$n 2>/dev/null; do n=$((n+1)); done")
    before = left(host)

    results = failed(
        channel,
        [Directory(path=f"{small}/folder"), File(path=f"{small}/file", content="new\n"), Link(path=f"{small}/link", target="new")],
    )

    assert left(host) == before
    assert {"df -i" in result.hint for result in results} == {True}


def test_a_read_only_disk_is_named_and_what_is_right_already_stays_right(host: TestHost, channel: Channel, small: str) -> None:
    host.shell(f"mount -o remount,ro {small}")
    before = left(host)

    (right,) = channel.run(Batch((File(path=f"{small}/file", content=OLD),)))
    results = failed(
        channel,
        [
            File(path=f"{small}/file", content="new\n"),
            Line(path=f"{small}/file", line="more"),
            Link(path=f"{small}/link", target="new"),
            Directory(path=f"{small}/folder"),
            File(path=f"{small}/file", absent=True),
        ],
    )

    assert right.status == "ok"
    assert left(host) == before
    assert {"read-only" in result.hint for result in results} == {True}


def test_where_a_debt_cannot_be_written_down_nothing_is_changed(host: TestHost, channel: Channel) -> None:
    """The state of the host's side is on a full disk: the change that would have to be remembered is not made."""
    host.shell("mkdir -p /var/lib/windlass; mount -t tmpfs -o size=4k,nr_inodes=1 tmpfs /var/lib/windlass; rm -f /etc/watched")
    try:
        watched = File(path="/etc/watched", content="a\n")
        (first, second) = channel.run(Batch((watched, Run(command="echo ran >> /srv/ran", run_on=(watched,))), go_on=True))
    finally:
        host.shell("umount /var/lib/windlass")

    assert first.failed
    assert "No space left on device" in first.message
    assert not second.changed
    assert host.shell("ls /etc/watched /srv/ran 2>/dev/null || true") == ""


def test_a_blind_command_that_cannot_be_noted_is_not_begun(host: TestHost, channel: Channel) -> None:
    """Should its agent be killed, another one would run it again. What looks before it acts goes on. Where the disk is full, /run
    takes the note: to mend it, somebody has to run commands there."""
    runs, spare = "/var/lib/windlass/runs", "/run/windlass/runs"
    many = tuple(File(path=f"/srv/many/{number}", absent=True) for number in range(80))  # their checksums are more than a page
    batch = Batch((*many, Directory(path="/srv/looked"), Run(command="touch /srv/blind")), journal="r1", go_on=True)
    host.shell(f"for each in {runs} {spare}; do mkdir -p $each; mount -t tmpfs -o size=4k tmpfs $each; done")
    try:
        *_, looked, blind = channel.run(batch)
        begun = host.shell("ls /srv/blind 2>/dev/null || true")
        host.shell(f"umount {spare}")
        *_, noted = channel.run(dataclasses.replace(batch, journal="r2"))
    finally:
        host.shell(f"umount {runs}")

    assert looked.changed
    assert blind.failed
    assert "it is not begun, for that cannot be noted here: No space left on device" in blind.message
    assert "df -h" in blind.hint
    assert begun == ""
    assert noted.changed
    assert '"begun"' in host.shell(f"cat {spare}/r2.*.jsonl")


ABSENT = "No such file or directory"
RESERVE = f"{PLACE}/reserve"


def test_a_disk_that_is_full_has_room_to_go_back(host: TestHost, channel: Channel) -> None:
    """What a run that ended well has kept is given to the one that goes back, and kept anew when there is plenty again."""
    host.shell(f"mkdir -p {PLACE}; mount -t tmpfs -o size=80m tmpfs {PLACE}; cd {PLACE}; mkdir -p slots/blue slots/green records")
    host.shell(f"ln -s slots/green {PLACE}/live")
    ended, back = Progress(root=PLACE), Progress(root=PLACE, entry={"action": "rollback", "step": "switch"})
    try:
        channel.run(Batch((ended,)))
        host.shell(f"dd if=/dev/zero of={PLACE}/logs bs=1M 2>/dev/null || true; test -s {RESERVE}")
        channel.run(
            Batch((back, Switch(root=PLACE, slot="blue"), Record(root=PLACE, release="r1", values={"state": "bad"}), ended))
        )
        gone_back = host.shell(f"readlink {PLACE}/live; cat {PLACE}/records/r1.json; ls {RESERVE} 2>&1 || true")
        host.shell(f"rm {PLACE}/logs")
        channel.run(Batch((ended,)))
        kept_anew = host.shell(f"stat -c %s {RESERVE}").strip()
    finally:
        host.shell(f"umount {PLACE}")

    assert gone_back.split() == ["slots/blue", "{", '"state":', '"bad"', "}", *f"ls: cannot access '{RESERVE}': {ABSENT}".split()]
    assert kept_anew == str(1 << 20)


def test_names_that_are_no_text_are_given_an_owner_and_shown_harmlessly(host: TestHost, channel: Channel) -> None:
    host.shell("mkdir -p /srv/odd; cd /srv/odd; touch \"$(printf '\\377\\033[31m')\" \"$(printf 'new\\nline')\"")

    (result,) = channel.run(Batch((Directory(path="/srv/odd", owner="deploy", group="deploy", recursive=True),)))

    assert host.shell("find /srv/odd ! -user deploy") == ""
    assert "\x1b" not in result.diff
    assert "\\xff" in result.diff or "\\udcff" in result.diff


def test_a_python_that_is_replaced_under_the_agent_is_named(host: TestHost, channel: Channel, tmp_path: Path) -> None:
    """As an upgrade does it: the old version's modules are gone before the agent has loaded what it needs."""
    channel.run(Batch((Run(command="true"),)))
    library = host.shell("python3 -c 'import os; print(os.path.dirname(os.__file__))'").strip()
    host.shell(f"mv {library} {library}.away")
    try:
        (result,) = channel.run(Batch((Archive(path="/srv/tree", content=tarball(tmp_path)),), go_on=True))
    finally:
        host.shell(f"mv {library}.away {library}")

    assert result.failed
    assert "Python was replaced" in result.hint
    assert host.shell("ls -d /srv/tree 2>/dev/null || true") == ""
    with_new = Channel(host.target)
    assert with_new.run(Batch((Archive(path="/srv/tree", content=tarball(tmp_path)),)))[0].changed
    with_new.close()


ANEW = """
cd /root
apt-get -qq update >/dev/null
there=$(dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' 'libpython3.*' 'python3.*-minimal' | sed -n 's/^ii //p')
apt-get -qq download $there >/dev/null 2>&1
(until test -e begin; do sleep 0.05; done
dpkg --force-unsafe-io -i *.deb >dpkg.log 2>&1; echo $? > dpkg.status; mv dpkg.status installed) </dev/null >/dev/null 2>&1 &
"""
BEGUN = Run(command="touch /root/begin; until grep -q Unpacking /root/dpkg.log; do sleep 0.05; done")
INSTALLED = Run(command="until test -e /root/installed; do sleep 0.05; done")


def some(number: int, archive: LocalFile) -> list[Operation]:
    """Operations that each need parts of Python of their own."""
    place = f"/srv/anew/{number}"
    return [
        Directory(path=place),
        File(path=f"{place}/file", content=OLD),
        Line(path=f"{place}/file", line="one more"),
        Archive(path=f"{place}/tree", content=archive),
        Run(command="sleep 0.2", creates=f"{place}/never"),
    ]


def test_python_s_packages_are_installed_anew_in_the_middle_of_a_run(host: TestHost, channel: Channel, tmp_path: Path) -> None:
    """By another's dpkg: what is done meanwhile is done or fails with words that help, and nothing is half there."""
    host.shell(ANEW)
    archive = tarball(tmp_path)
    during, after = [each for number in range(5) for each in some(number, archive)], some(5, archive)

    results = channel.run(Batch((BEGUN, *during, INSTALLED, *after), go_on=True))
    again = channel.run(Batch((*during, *after), go_on=True))

    assert [each.hint for each in results if each.failed and "Python was replaced" not in each.hint] == []
    assert not [each for each in results[len(during) + 1 :] if each.failed]
    assert host.shell("cat /root/installed").strip() == "0"
    assert not any(each.failed for each in again)
    assert host.shell("cat /srv/anew/*/file | sort | uniq -c").split() == ["6", "one", "more", "6", *OLD.split()]
    assert host.shell("cat /srv/anew/*/tree/large | wc -c").strip() == str(6 * 200_000)
    assert host.shell("find /srv/anew -name '.*' ! -name .archive-sha256") == ""
