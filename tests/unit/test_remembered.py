"""Which hosts a command line came to the last time: what is kept of it, and when it counts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from windlass.errors import ConnectionFailed
from windlass.history import checksums, reading_ahead
from windlass.hosts.agent.starting import start_command
from windlass.hosts.by_openssh.openssh import program
from windlass.hosts.common import programs
from windlass.hosts.common.target import Target
from windlass.hosts.many import head_start
from windlass.tasks import remembered

WORDS = ["setup", "--env", "staging"]
NOBODY = "192.0.2.1"  # an address for documentation: no host has it
JUMP = Target(name="bastion", address=NOBODY, user="deploy", port=2222, private_key=Path("/keys/one"), connect_seconds=0.2)
BEHIND = Target(name="web1", address="10.0.0.7", user="deploy", jump=JUMP, known_hosts=Path("/known"), connect_seconds=0.2)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """One environment, and a process that has opened no line yet."""
    (tmp_path / "inventories" / "staging").mkdir(parents=True)
    (tmp_path / "inventories" / "staging" / "hosts.yml").write_text("hosts: {}\n")
    (tmp_path / ".windlass").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(head_start, "_wanted", {})
    monkeypatch.setattr(head_start, "_begun", {})
    yield tmp_path
    head_start.give_up()


def called() -> set[Target]:
    """Whom a process that begins with these words calls ahead of time."""
    remembered.call(WORDS)
    return set(head_start._begun)


def went_to(*targets: Target) -> None:
    """As if lines had been opened to these."""
    for target in targets:
        head_start.started(target)


def test_the_same_words_call_the_same_targets(project: Path) -> None:
    went_to(BEHIND, JUMP)

    remembered.remember(project, WORDS)

    assert called() == {BEHIND, JUMP}


def test_a_host_that_was_reached_in_two_ways_is_called_in_the_first(project: Path) -> None:
    went_to(JUMP, Target(name="bastion", address=NOBODY, warm_seconds=0))

    remembered.remember(project, WORDS)

    assert called() == {JUMP}


def test_large_files_that_were_described_are_read_while_hosts_are_called(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = project / "large"
    large.write_bytes(bytes(5_000_000))
    monkeypatch.setattr(checksums, "_described", {str(large): None})
    for name, empty in (("_reading", {}), ("_answers", []), ("_since", [])):
        monkeypatch.setattr(reading_ahead, name, empty)
    went_to(JUMP)
    remembered.remember(project, WORDS)

    assert called() == {JUMP}
    assert reading_ahead.found(str(large)) == checksums._by_blocks(str(large), 5_000_000)


@pytest.mark.parametrize("words", [["setup", "--env", "production"], ["setup"], [*WORDS, "--check"], []])
def test_other_words_call_nobody(project: Path, words: list[str]) -> None:
    went_to(JUMP)
    remembered.remember(project, words)

    assert called() == set()


def test_an_inventory_that_was_changed_since_calls_nobody(project: Path) -> None:
    went_to(JUMP)
    remembered.remember(project, WORDS)

    (project / "inventories" / "staging" / "more.yml").write_text("hosts: {}\n")

    assert called() == set()


def test_another_environment_by_its_variable_calls_nobody(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    went_to(JUMP)
    remembered.remember(project, WORDS)

    monkeypatch.setenv("WINDLASS_ENV", "production")

    assert called() == set()


ENTRY = '{%s: {"state": %s, "programs": [], "targets": '


@pytest.mark.parametrize("text", ["", "{", "[]", "{%s: 3}", ENTRY + '[{"name": 1}]}}', ENTRY + "1}}"])
def test_a_file_of_nonsense_is_passed_over(project: Path, text: str) -> None:
    key, state = json.dumps(remembered._key(WORDS)), json.dumps(remembered._state(project))
    (project / ".windlass" / remembered.NAME).write_text(text.replace("%s", key, 1).replace("%s", state))

    assert called() == set()


@pytest.mark.parametrize(
    "spoil",
    [lambda file: file.chmod(0o660), lambda file: (file.rename(file.with_name("other")), file.symlink_to("other"))],
    ids=["others may write", "a link"],
)
def test_a_file_that_somebody_else_could_have_written_says_nothing(project: Path, spoil: Callable[[Path], object]) -> None:
    went_to(JUMP)
    remembered.remember(project, WORDS)

    spoil(project / ".windlass" / remembered.NAME)

    assert called() == set()


def test_what_is_kept_is_for_this_user_alone_and_no_more_than_so_many(project: Path) -> None:
    went_to(JUMP)
    for number in range(remembered.MOST_COMMANDS + 3):
        remembered.remember(project, ["run", str(number)])

    path = project / ".windlass" / remembered.NAME
    known = json.loads(path.read_text())

    assert path.stat().st_mode & 0o777 == 0o600
    assert len(known) == remembered.MOST_COMMANDS
    assert remembered._key(["run", str(remembered.MOST_COMMANDS + 2)]) in known
    assert [each.name for each in (project / ".windlass").iterdir()] == [remembered.NAME]


def test_a_password_is_never_written_down() -> None:
    assert "sudo_password" not in remembered._plain(BEHIND)


def test_the_program_that_carries_a_connection_is_started_with_the_very_words_of_this_process() -> None:
    direct = Target(name="web1", address=NOBODY, user="deploy", transport="openssh", warm_seconds=0, connect_seconds=1.0)
    behind = Target(name="web2", address=NOBODY, jump=JUMP, transport="openssh", warm_seconds=0, connect_seconds=1.0)
    remembered_words = remembered._programs([direct, behind, JUMP])

    assert remembered.OUR_TAG in remembered_words[0][-1]
    assert [[remembered.as_of_this_process(word) for word in words] for words in remembered_words] == [
        program(direct, start_command(direct))
    ]


def test_a_program_started_ahead_is_taken_once_and_by_its_own_words_only() -> None:
    programs.start_ahead(["cat"])
    other, first, second = programs.start(["cat", "-"]), programs.start(["cat"]), programs.start(["cat"])
    programs.start_ahead(["cat"])
    left = programs._ahead["cat",]
    programs.end_what_nobody_took()

    assert first.communicate(b"hello")[0] == b"hello"
    assert len({each.pid for each in (other, first, second, left)}) == 4
    assert left.wait(60) == 0
    for each in (other, second):
        each.communicate()


def test_what_stood_in_the_way_before_anybody_asked_is_not_told_but_tried_anew(project: Path) -> None:
    refused = Target(name="gone", address="127.0.0.1", port=1, connect_seconds=1.0)
    head_start.begin([refused])
    with pytest.raises(ConnectionFailed, match="gone"):
        head_start._begun[refused].outcome()  # as whoever waits for it hears it

    assert head_start.started(refused) is None
    assert head_start._begun == {}


def test_a_start_that_has_waited_too_long_is_not_taken(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = Target(name="gone", address="127.0.0.1", port=1, connect_seconds=1.0)
    head_start.begin([refused])
    monkeypatch.setattr(head_start, "OLDEST", -1.0)

    assert head_start.started(refused) is None
