"""The files of a frontend are put where nginx finds them, and links in them lead nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from windlass.hosts.agent.results import Result
from windlass.hosts.channel import Channel
from windlass.operations.frontend import Pages, PagesWhole, PlacePages
from windlass.operations.wire import Batch

MOMENT = 1_700_000_000


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """What a build has left, for its user alone; beside it what is none of the release's."""
    made = tmp_path / "releases/r1"
    for name in ("build/assets", "build/about"):
        (made / name).mkdir(parents=True, mode=0o700)
    for name in ("index.html", "assets/a-1.js", "about/index.html"):
        (made / "build" / name).write_text('<script src="/assets/a-1.js">')
        (made / "build" / name).chmod(0o600)
    (tmp_path / "host").mkdir(mode=0o700)
    (tmp_path / "host/index.html").write_text("a secret")
    (tmp_path / "host/index.html").chmod(0o600)
    (tmp_path / "union").mkdir()
    return made


def place(channel: Channel, release: Path, folder: str = "dist") -> list[Result]:
    """What placing it and the gate come to."""
    home = release.parents[1]
    pages = Pages(release=f"{release}", folder=f"{release}/{folder}", site=f"{home}/site", union=f"{home}/union", assets="assets")
    return list(channel.run(Batch((PlacePages(pages=pages, moment=MOMENT), PagesWhole(pages=pages)), go_on=True)))


@pytest.mark.parametrize("folder", ["dist", "build", "."])
def test_a_folder_is_served_also_through_a_link_in_the_release(folder: str, channel: Channel, release: Path) -> None:
    (release / "dist").symlink_to("build")
    if folder == ".":
        for each in (release / "build").iterdir():
            each.rename(release / each.name)

    results = place(channel, release, folder)

    home = release.parents[1]
    assert [(result.status, result.summary) for result in results] == [("changed", "1 new assets"), ("ok", "whole")]
    assert (home / "union/assets/a-1.js").samefile(home / "site/assets/a-1.js")
    modes = {each.stat().st_mode & 0o777 for each in (home / "site").rglob("*") if each.is_file()}
    assert modes == {0o644}
    assert (home / "site/about").stat().st_mode & 0o555 == 0o555
    assert (home / "site/about/index.html").stat().st_mtime == MOMENT


@pytest.mark.parametrize(
    ("link", "target"),
    [("dist", "../../host"), ("build/settings.json", "../../../host/index.html"), ("build/more", "../../../host")],
    ids=["the folder", "a file in it", "a folder in it"],
)
def test_what_leads_out_of_the_release_is_not_served_and_left_as_it_was(
    link: str, target: str, channel: Channel, release: Path
) -> None:
    (release / link).symlink_to(target)
    host = release.parents[1] / "host"

    placed, _whole = place(channel, release, "dist" if link == "dist" else "build")

    assert placed.failed
    assert placed.message == f"{release}/{link} leads out of the release, to {(release / link).resolve()}"
    assert not (release.parents[1] / "site").is_symlink()
    assert ((host / "index.html").stat().st_mode & 0o777, host.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_link_within_the_release_stays(channel: Channel, release: Path) -> None:
    (release / "build/again").symlink_to("about")

    placed, whole = place(channel, release, "build")

    assert (placed.status, whole.status) == ("changed", "ok")
    assert (release / "build/again").is_symlink()


def test_a_folder_that_has_become_a_link_out_of_the_release_is_not_fit(channel: Channel, release: Path) -> None:
    place(channel, release, "build")
    (release / "build").rename(release / "other")
    (release / "build").symlink_to("../../host")

    whole = place(channel, release, "build")[1]

    assert whole.failed
    assert f"{release}/build leads out of the release" in whole.message
