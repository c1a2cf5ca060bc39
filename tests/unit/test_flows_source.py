"""From a reference to the exact code, with real repositories."""

from __future__ import annotations

import os
import subprocess
import tarfile
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from windlass.errors import BuildFailed, UsageError
from windlass.flows.deployment.artefact import way_on
from windlass.flows.deployment.source import Source, resolve
from windlass.inventory import Application


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    return subprocess.run(["git", *identity, "-C", str(folder), *words], check=True, capture_output=True, text=True).stdout.strip()


def commit(repository: Path, text: str) -> str:
    (repository / "shop").mkdir(exist_ok=True)
    (repository / "shop/server.js").write_text(text)
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", text)
    return git(repository, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    path = tmp_path / "elsewhere"
    git(tmp_path, "init", "-q", "-b", "main", str(path))
    commit(path, "one")
    return path


def resolved(project: Path, address: str, reference: str = "", folder: str = "shop") -> Source:
    return resolve(application({"git": address, "folder": folder}), reference, project=project)


def application(source: Mapping[str, str]) -> Application:
    processes = {"web": {"command": "node server.js", "listen": "socket"}}
    return Application.model_validate({"name": "shop", "hosts": "all", "source": source, "processes": processes})


def content(source: Source) -> bytes:
    with tarfile.open(source.tar) as archive:
        found = archive.extractfile("server.js")
        assert found
        return found.read()


def test_an_annotated_tag_means_its_commit(tmp_path: Path, repository: Path) -> None:
    git(repository, "tag", "-a", "v1", "-m", "the first")

    source = resolved(tmp_path, str(repository), "v1")

    assert (source.commit, content(source)) == (git(repository, "rev-parse", "main"), b"one")


def test_changes_that_are_not_committed_are_known_to_be_left_out(tmp_path: Path, repository: Path) -> None:
    first = git(repository, "rev-parse", "HEAD")
    commit(repository, "two")
    (repository / "shop/server.js").write_text("three")
    (repository / "shop/new.js").write_text("new")
    (repository / "notes.txt").write_text("in no folder that is deployed")

    now, earlier, mirrored = (
        resolved(tmp_path, address, reference)
        for address, reference in ((str(repository), ""), (str(repository), first), (f"file://{repository}", ""))
    )

    assert (now.left_out, content(now)) == (("shop/server.js", "shop/new.js"), b"two")
    assert (earlier.left_out, mirrored.left_out) == ((), ())


def test_a_mirror_follows_branches_and_tags_that_moved(tmp_path: Path, repository: Path) -> None:
    address = f"file://{repository}"
    git(repository, "tag", "newest")
    assert content(resolved(tmp_path, address, "newest")) == b"one"

    second = commit(repository, "two")
    git(repository, "tag", "-f", "newest")

    assert resolved(tmp_path, address).commit == second
    assert content(resolved(tmp_path, address, "newest")) == b"two"


def test_the_same_code_has_the_same_identity_in_another_commit(tmp_path: Path, repository: Path) -> None:
    first = resolved(tmp_path, str(repository))
    git(repository, "commit", "-q", "--allow-empty", "-m", "nothing")
    second = resolved(tmp_path, str(repository))

    assert first.commit != second.commit
    assert (first.identity, first.tar) == (second.identity, second.tar)


@pytest.mark.parametrize("folder", ["shpo", "shop/server.js"], ids=["missing", "a file"])
def test_a_folder_that_the_commit_does_not_have_is_named(tmp_path: Path, repository: Path, folder: str) -> None:
    with pytest.raises(UsageError, match=rf"main \([0-9a-f]{{7}}\) of .* has no folder '{folder}'"):
        resolved(tmp_path, str(repository), folder=folder)


def test_an_unknown_reference_is_said_with_a_near_one(tmp_path: Path, repository: Path) -> None:
    with pytest.raises(UsageError, match="no branch, tag or commit 'mian'") as caught:
        resolved(tmp_path, str(repository), "mian")

    assert caught.value.hint == "did you mean main?"


def test_a_repository_that_is_not_there_is_named_with_what_tries_it(tmp_path: Path) -> None:
    address = f"file://{tmp_path}/nowhere"

    with pytest.raises(BuildFailed) as caught:
        resolved(tmp_path, address)

    assert caught.value.message.startswith(f"{address} cannot be fetched: git clone failed")
    assert f"git ls-remote {address}" in caught.value.hint
    assert "nowhere" in caught.value.last_lines[0]


@pytest.mark.parametrize("kind", ["a repository", "a folder", "no git here"])
def test_keys_and_secrets_are_no_code_where_the_project_itself_is_the_application(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    if kind == "a repository":
        git(tmp_path, "init", "-q")
    else:
        (tmp_path / ".git").mkdir()
        (tmp_path / ".git" / "config").write_text("of something that is no repository")
    if kind == "no git here":
        monkeypatch.setenv("PATH", "")
    (tmp_path / "server.js").write_text("one")
    (tmp_path / ".windlass" / "keys").mkdir(parents=True)
    (tmp_path / ".windlass" / "keys" / "backup-ed25519").write_text("private")

    source = resolve(application({"path": "."}), "", project=tmp_path)

    with tarfile.open(source.tar) as archive:
        assert archive.getnames() == ["server.js"]


def test_code_that_nobody_deployed_for_a_week_is_not_kept(tmp_path: Path, repository: Path) -> None:
    old = resolved(tmp_path, str(repository)).tar
    broken_off = old.with_name("1.partial")
    broken_off.touch()
    for path in (old, broken_off):
        os.utime(path, (1, 1))
    commit(repository, "two")

    new = resolved(tmp_path, str(repository)).tar
    os.utime(new, (time.time() - 86400,) * 2)
    before = new.stat().st_mtime
    again = resolved(tmp_path, str(repository)).tar

    assert list(old.parent.iterdir()) == [again]
    assert again.stat().st_mtime > before, "what is used counts as new"


def test_a_host_that_was_not_set_up_is_told_from_a_build_that_fails() -> None:
    assert way_on("build failed on app1: there is no user shop on this host").endswith("`invoke setup` makes its user and folders")
    assert way_on("build failed on app1: `npm ci` ended with status 1") == "mend the build and deploy again"
