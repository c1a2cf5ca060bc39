"""A check foresees what earlier operations of its batch make, and says so where it cannot."""

from __future__ import annotations

import tarfile
from pathlib import Path

from windlass.agent.core.context import Context
from windlass.agent.sysctl import sysctl
from windlass.hosts.agent.results import Result
from windlass.hosts.channel import Channel
from windlass.operations.archive import Archive
from windlass.operations.command import Run
from windlass.operations.directory import Directory
from windlass.operations.file import File
from windlass.operations.kernel_module import KernelModule
from windlass.operations.line import Line
from windlass.operations.operation import LocalFile, Operation
from windlass.operations.sysctl import Sysctl
from windlass.operations.wire import Batch

NO_SETTING = Sysctl(name="net.windlass.nothing", value="1")


def foreseen(channel: Channel, *operations: Operation) -> list[Result]:
    return list(channel.run(Batch(operations, check=True, go_on=True)))


def folder(path: Path) -> Directory:
    return Directory(path=str(path), owner="", group="")


def archive(folder: Path) -> LocalFile:
    source = folder / "archive.tar"
    with tarfile.open(source, "w") as written:
        written.add(__file__, "file")
    return LocalFile.of(source)


def test_a_folder_to_be_made_does_not_hold_what_a_command_creates_in_it(channel: Channel, tmp_path: Path) -> None:
    made = tmp_path / "made"
    command = Run(command=f"touch {made}/tool", creates=f"{made}/tool")

    check = foreseen(channel, folder(made), command, command)
    done = channel.run(Batch((folder(made), command, command)))

    assert [result.status for result in check] == ["changed", "changed", "ok"]
    assert [result.status for result in done] == ["changed", "changed", "ok"]


def test_whether_an_archive_will_bring_what_a_command_creates_is_not_known(channel: Channel, tmp_path: Path) -> None:
    unpacked = Archive(path=str(tmp_path / "tree"), content=archive(tmp_path), owner="", group="")

    check = foreseen(channel, unpacked, Run(command="false", creates=f"{tmp_path}/tree/bin/tool"))

    assert [result.status for result in check] == ["changed", "unknown"]


def test_a_missing_folder_in_a_folder_to_be_made_fails_in_a_check_as_in_a_run(channel: Channel, tmp_path: Path) -> None:
    deep = File(path=f"{tmp_path}/a/b/c/file", content="x", owner="", group="")

    assert [each.status for each in foreseen(channel, folder(tmp_path / "a"), deep)] == ["changed", "failed"]
    assert [each.status for each in foreseen(channel, folder(tmp_path / "a/b/c"), deep)] == ["changed", "changed"]
    assert [each.status for each in foreseen(channel, folder(tmp_path / "a/b/c/d"), deep)] == ["changed", "changed"]


def test_what_a_command_makes_besides_is_not_known(channel: Channel, tmp_path: Path) -> None:
    file = File(path=f"{tmp_path}/a/file", content="x", owner="", group="")

    check = foreseen(channel, Run(command=f"mkdir {tmp_path}/a"), file)

    assert [result.status for result in check] == ["unknown", "unknown"]


def test_what_is_asked_for_twice_is_made_once(channel: Channel, tmp_path: Path) -> None:
    twice = (folder(tmp_path / "made"), folder(tmp_path / "made"))

    check = foreseen(channel, *twice)
    done = channel.run(Batch(twice))

    assert [result.status for result in check] == [result.status for result in done] == ["changed", "ok"]


def test_what_operations_undo_for_each_other_is_foreseen_each_time(channel: Channel, tmp_path: Path) -> None:
    """A second run does it all again; that is what was asked for, and no check says otherwise."""
    path = str(tmp_path / "file")
    mine = {"owner": "", "group": ""}
    operations = (
        File(path=path, content="x", **mine),
        Line(path=path, line="y"),
        File(path=path, content="x", **mine),
        File(path=path, content=None, mode="0600", **mine),
        File(path=path, absent=True),
        Line(path=path, line="z", create=True),
    )
    for _turn in range(2):
        check = foreseen(channel, *operations)
        done = channel.run(Batch(operations))

        assert [(each.status, each.diff) for each in check] == [(each.status, each.diff) for each in done]
        assert {each.status for each in done} == {"changed"}


def test_what_is_in_a_file_that_an_archive_may_bring_is_not_known(channel: Channel, tmp_path: Path) -> None:
    made = folder(tmp_path / "tree")
    unpacked = Archive(path=str(tmp_path / "tree"), content=archive(tmp_path), owner="", group="")
    file = File(path=str(tmp_path / "tree" / "file"), content="x", owner="", group="")

    assert [each.status for each in foreseen(channel, made, unpacked, file)] == ["changed", "changed", "unknown"]


def test_a_module_that_the_kernel_does_not_have_fails_in_a_check_and_so_does_its_setting(channel: Channel) -> None:
    check = foreseen(channel, KernelModule(name="windlass_nothing"), NO_SETTING)

    assert [each.status for each in check] == ["failed", "failed"]


def test_whether_a_module_of_the_kernel_brings_a_setting_is_not_known() -> None:
    context = Context(lambda _frame: None, check=True)
    context.expect("kernel module", "windlass_nothing")

    assert sysctl(dict(NO_SETTING.arguments()), context).unknown
