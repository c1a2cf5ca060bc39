"""A run is gone on with only if the same comes out for its hosts, wherever the values come from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.sample_project import write_project
from windlass.errors import UsageError
from windlass.flows.resuming import Remembering, Started, recall, reopen
from windlass.flows.setup import batch_for
from windlass.flows.wanted import MOST_NAMES, Wanted, differences
from windlass.flows.workspace import Workspace, open_workspace
from windlass.operations.file import File
from windlass.operations.wire import Batch

RUN = "20260102T030405-1f2e3d"
HOSTS = ("web1", "web2")
STEPS = """\
from windlass.operations.file import File
from windlass.operations.local_tree import LocalTree
from windlass.operations.operation import LocalFile
from windlass.operations.tree import Tree
from windlass.values import Secret


def steps(host, settings):
    project = host.environment.project
    return [
        File(path="/etc/token", content=Secret(f"token={host.secret('token').reveal()}"), mode="0600"),
        File(path="/etc/key", content=f"key={host.secret('key').reveal()}", sensitive=True),
        File(path="/etc/mail", content=f"mail={host.secret('mail').reveal()}"),
        File(path="/etc/private", content=Secret((project / "private").read_text())),
        File(path="/etc/large", content=LocalFile.of(project / "large")),
        Tree(path="/srv/stack", source=LocalTree.of(project / "stack")),
        File(path="/etc/last", content=(project / "last").read_text()),
    ]
"""
SECRETS = 'key: "the key of old"\nmail: "the mail of old"\n'
KEPT = ".windlass/secrets/staging.yml"
OTHER = f"run {RUN} is not gone on with: something else would be wanted of its hosts by now"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All that is not kept with a run: secrets, a folder, a large file, and what a role reads."""
    monkeypatch.setenv("WINDLASS_SECRET_TOKEN", "the token of old")
    write_project(tmp_path)
    inventory = tmp_path / "inventories/staging/hosts.yml"
    inventory.write_text(inventory.read_text() + "  key: {}\n  mail: {}\n")
    (tmp_path / "roles/greeting/steps.py").write_text(STEPS)
    for name in ("private", "large", "last", "stack/compose.yml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("old")
    (tmp_path / KEPT).parent.mkdir(parents=True)
    (tmp_path / KEPT).touch(mode=0o600)
    (tmp_path / KEPT).write_text(SECRETS)
    return tmp_path


def batches(workspace: Workspace) -> dict[str, Batch]:
    return {name: batch_for(workspace, workspace.environment.host(name)) for name in HOSTS}


def begin(project: Path) -> Started:
    workspace = open_workspace(project, "staging")
    with Remembering(project, Started(RUN, "staging", HOSTS, lab=False)) as run:
        run.want(batches(workspace), workspace.secrets)
    return recall(project, RUN, "staging")


def refusal(project: Path, started: Started) -> tuple[str, ...]:
    """What is said to be another one by now when the run is gone on with; nothing if it is."""
    workspace = reopen(started, project)
    try:
        with Remembering(project, Started(RUN, "staging", HOSTS)) as run:
            run.want(batches(workspace), workspace.secrets)
    except UsageError as error:
        return (error.message, *error.last_lines)
    return ()


def written(name: str, text: str = "new") -> Callable[[Path, pytest.MonkeyPatch], None]:
    return lambda project, _patch: (project / name).write_text(text) and None


CHANGES = {
    "a variable": (
        lambda _project, patch: patch.setenv("WINDLASS_SECRET_TOKEN", "another token"),
        ["secret token: another value in WINDLASS_SECRET_TOKEN"],
    ),
    "no variable any more": (
        lambda _project, patch: patch.delenv("WINDLASS_SECRET_TOKEN"),
        [f"secret token: came from WINDLASS_SECRET_TOKEN, comes from {KEPT}"],
    ),
    "a plain secret": (written(KEPT, SECRETS.replace("key of old", "new key")), [f"secret key: another value in {KEPT}"]),
    "one in a plain text": (written(KEPT, SECRETS.replace("mail of old", "new mail")), [f"secret mail: another value in {KEPT}"]),
    "secret text that has no name": (
        written("private"),
        ["what is secret in file /etc/token, file /etc/key, file /etc/mail, file /etc/private"],
    ),
    "a large file": (written("large"), ["file /etc/large, from {project}/large, on web1, web2"]),
    "a folder elsewhere": (written("stack/compose.yml"), ["tree stack in /srv/stack, from {project}/stack, on web1, web2"]),
    "a file that a folder did not have": (
        written("stack/more.yml"),
        ["tree stack in /srv/stack, from {project}/stack, on web1, web2"],
    ),
    "what a role reads": (written("last"), ["file /etc/last on web1, web2"]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_value_that_is_another_one_by_now_is_named(change: str, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = begin(project)
    assert refusal(project, started) == ()
    act, said = CHANGES[change]

    act(project, monkeypatch)

    assert refusal(project, started) == (OTHER, *(line.format(project=project) for line in said))


def test_all_that_differs_is_told_up_to_a_few(project: Path) -> None:
    started = begin(project)
    for name in ("large", "last", "private", "stack/compose.yml"):
        (project / name).write_text("new")
    (project / KEPT).write_text(SECRETS.replace("of old", "of new"))

    assert refusal(project, started) == (
        OTHER,
        f"secret key: another value in {KEPT}",
        f"secret mail: another value in {KEPT}",
        f"file /etc/large, from {project}/large, on web1, web2",
        f"tree stack in /srv/stack, from {project}/stack, on web1, web2",
        "file /etc/last on web1, web2",
    )


def test_the_record_tells_no_secret(project: Path) -> None:
    begin(project)
    record = (project / f".windlass/resume/{RUN}.json").read_text()

    assert not any(word in record for word in ("of old", "old of", "key of"))
    assert list(json.loads(record)["wanted"]["secrets"]) == ["token", "key", "mail"]


def test_a_secret_has_another_digest_in_each_record(project: Path) -> None:
    first = begin(project).wanted
    (project / f".windlass/resume/{RUN}.json").unlink()
    second = begin(project).wanted
    assert first
    assert second

    assert not {*first.secrets.values()} & {*second.secrets.values()}
    assert first.hidden != second.hidden
    assert not {*first.hosts["web1"]} & {*second.hosts["web1"]}


def wanted(*digests: str) -> Wanted:
    return Wanted("00", {"web1": digests})


def test_operations_that_are_gone_or_stand_elsewhere_are_told() -> None:
    operations = tuple(File(path=f"/{name}", content="") for name in "ab")
    one, two = {"web1": Batch(operations[:1])}, {"web1": Batch(operations)}

    assert differences(wanted("1", "2", "3"), wanted("1"), one) == ("2 operations that it wanted are wanted no more on web1",)
    assert differences(wanted("2", "1"), wanted("1", "2"), two) == ("operations in another order on web1",)
    assert differences(wanted("1"), wanted("1", "2"), two) == ("file /b on web1",)


def test_of_many_the_first_are_named() -> None:
    batch = {"web1": Batch(tuple(File(path=f"/{number}", content="") for number in range(MOST_NAMES + 2)))}
    found = differences(wanted(), wanted(*map(str, range(MOST_NAMES + 2))), batch)

    assert (found[0], found[-1], len(found)) == ("file /0 on web1", "and 2 more", MOST_NAMES + 1)
