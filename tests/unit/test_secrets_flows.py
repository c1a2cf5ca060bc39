"""The encrypted file of an environment: set, edited, shared and looked for, by the flows that tasks call."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pyrage import x25519

from tests.unit.inventory_support import environment_in
from windlass.errors import InventoryError, RefusedError, UsageError, WindlassError
from windlass.flows.secrets import secret_editing, secret_file
from windlass.flows.secrets.known_secrets import real_secrets, twin_secrets
from windlass.flows.secrets.secret_listing import listing
from windlass.flows.secrets.secret_scan import HERE, Finding, scan
from windlass.inventory import Environment, local_secrets
from windlass.inventory.committed_secrets import CommittedSecrets, committed_file
from windlass.inventory.sops.keys import key_ring

TEXT = """\
hosts: {web1: {address: 192.0.2.1}}
secrets:
  api_token: {description: from the provider's console}
  mail_password: {}
  session_key: {generate: 64}
"""


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    """An environment whose encrypted file is for `anna`, who is at work; nothing of the real user's keys shows."""
    for name in ("SOPS_AGE_KEY", "SOPS_AGE_KEY_FILE", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    found = environment_in(tmp_path, {"all.yml": TEXT})
    secret_file.add_person(found, "anna", "")
    return found


def text_of(environment: Environment) -> str:
    return (environment.folder / "secrets.sops.yml").read_text(encoding="utf-8")


def age(*words: str, given: str) -> str:
    return subprocess.run(["age", *words], input=given.encode(), capture_output=True, check=True).stdout.decode("latin-1")


def git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=A", "-c", "user.email=a@example.org", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_the_first_person_gets_a_key_and_a_file_that_the_inventory_does_not_read(environment: Environment) -> None:
    key = environment.project / ".windlass" / "age-key.txt"

    again = environment_in(environment.project, {})

    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert tuple(again.secrets) == ("api_token", "mail_password", "session_key")
    assert secret_file.people(environment).own == ("anna",)
    with pytest.raises(FileExistsError):
        secret_file.make_own_key(environment.project)


def test_the_environment_variable_comes_before_the_encrypted_file_and_that_before_the_local_one(environment: Environment) -> None:
    secret_file.put(environment, "api_token", "encrypted")
    secret_file.put(environment, "mail_password", "encrypted too")
    local = environment.project / ".windlass" / "secrets" / "staging.yml"
    local.parent.mkdir(parents=True)
    local.write_text("mail_password: local\nsession_key: local\n")
    local.chmod(0o600)

    values = local_secrets(environment, {"WINDLASS_SECRET_API_TOKEN": "given"}).all_of()

    assert {name: value.reveal() for name, value in values.items()} == {
        "api_token": "given",
        "mail_password": "encrypted too",
        "session_key": "local",
    }
    assert {secret.reveal() for secret in real_secrets(environment).known()} == {"encrypted", "encrypted too", "local"}


def test_a_twin_gets_no_committed_secret_unless_there_is_nothing_but_the_lab(environment: Environment) -> None:
    secret_file.put(environment, "api_token", "encrypted")
    file = environment.project / ".windlass" / "secrets" / "staging-lab.yml"

    assert twin_secrets(environment, file, committed=True).get("api_token").reveal() == "encrypted"
    assert twin_secrets(environment, file).get("api_token").reveal() != "encrypted"


def test_only_a_secret_that_stands_in_the_file_needs_the_key(environment: Environment) -> None:
    secret_file.put(environment, "api_token", "encrypted")
    (environment.project / ".windlass" / "age-key.txt").unlink()
    secrets = local_secrets(environment, {"WINDLASS_SECRET_MAIL_PASSWORD": "given", "HOME": "/nowhere"})

    assert secrets.get("mail_password").reveal() == "given"
    with pytest.raises(InventoryError, match="needs a private age key, and there is none in SOPS_AGE_KEY, ") as caught:
        secrets.get("api_token")
    assert caught.value.last_lines[0].startswith("can be read by anna: age1")
    assert "secrets.people --env staging --add NAME" in caught.value.hint


def test_a_tampered_file_is_refused(environment: Environment) -> None:
    secret_file.put(environment, "api_token", "encrypted")
    file = environment.folder / "secrets.sops.yml"
    file.write_text("".join(line for line in text_of(environment).splitlines(keepends=True) if not line.startswith("api_token")))

    with pytest.raises(InventoryError, match=r"inventories/staging/secrets\.sops\.yml does not match its MAC"):
        secret_file.put(environment, "mail_password", "x")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [("api_tokn", "x", "did you mean api_token"), ("api_token", "", "the value is empty")],
)
def test_what_cannot_be_set_changes_nothing(environment: Environment, name: str, value: str, said: str) -> None:
    before = text_of(environment)

    with pytest.raises(UsageError, match=said):
        secret_file.put(environment, name, value)

    assert text_of(environment) == before


def test_private_keys_are_found_where_sops_finds_them_and_refused_when_others_may_read_them(tmp_path: Path) -> None:
    keys = [x25519.Identity.generate() for _ in range(4)]
    named, usual, own = tmp_path / "named", tmp_path / "config/sops/age/keys.txt", tmp_path / ".windlass/age-key.txt"
    for path, key in zip((named, usual, own), keys[1:], strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# a note\n{key}\n")
        path.chmod(0o600)
    given = {"SOPS_AGE_KEY": str(keys[0]), "SOPS_AGE_KEY_FILE": str(named), "XDG_CONFIG_HOME": str(tmp_path / "config")}

    assert key_ring(tmp_path, given).recipients() == tuple(str(key.to_public()) for key in keys)
    usual.chmod(0o640)
    with pytest.raises(InventoryError, match=r"keys\.txt holds a private key and others may read or write it \(mode 0640\)"):
        key_ring(tmp_path, given)


def test_people_come_and_go(environment: Environment) -> None:
    ben = x25519.Identity.generate()
    theirs = {"SOPS_AGE_KEY": str(ben), "HOME": "/nowhere"}
    secret_file.put(environment, "api_token", "one")
    own = environment.project / ".windlass" / "age-key.txt"

    secret_file.add_person(environment, "ben", str(ben.to_public()))
    own.rename(own.with_suffix(".away"))
    assert committed_file(environment, theirs).values() == {"api_token": "one"}
    own.with_suffix(".away").rename(own)
    before = text_of(environment)
    secret_file.remove_person(environment, "ben")

    assert tuple(secret_file.people(environment).named) == ("anna",)
    assert not set(before.splitlines()[3:4]) & set(text_of(environment).splitlines())
    assert committed_file(environment).values() == {"api_token": "one"}
    with pytest.raises(RefusedError, match="without anna you could not read"):
        secret_file.remove_person(environment, "anna")
    with pytest.raises(UsageError, match="a private key is not an age recipient"):
        secret_file.add_person(environment, "ben", str(ben))
    with pytest.raises(RefusedError, match="anna is you already, and ben would be, too"):
        secret_file.add_person(environment, "ben", "")
    assert secret_file.add_person(environment, "anna", "") == secret_file.people(environment).named["anna"]


def test_a_recipient_that_somebody_merely_wrote_in_never_gets_a_key(environment: Environment) -> None:
    stranger = str(x25519.Identity.generate().to_public())
    file = environment.folder / "secrets.sops.yml"
    file.write_text(text_of(environment).replace("    age:\n", f"    age:\n        - recipient: {stranger}\n          enc: x\n"))

    with pytest.raises(RefusedError, match=f"a recipient that nobody named: {stranger}"):
        secret_file.rotate(environment)
    with pytest.raises(RefusedError, match="nobody named"):
        secret_file.add_person(environment, "ben", str(x25519.Identity.generate().to_public()))


@pytest.mark.skipif(not shutil.which("age"), reason="needs the age program")
def test_the_age_program_opens_our_data_key_and_we_open_its(environment: Environment) -> None:
    secret_file.put(environment, "api_token", "one")
    file = committed_file(environment)
    document = file.document()
    ((recipient, ours),) = document.wrapped.items()
    key = str(environment.project / ".windlass" / "age-key.txt")

    theirs = age(
        "--encrypt", "--armor", "--recipient", recipient, given=document.data_key.decode("latin-1").encode("latin-1").hex()
    )

    assert age("--decrypt", "--identity", key, given=ours).encode("latin-1") == document.data_key
    assert file.ring().unwrap({recipient: theirs}).decode() == document.data_key.hex()


def test_the_list_says_what_is_set_missing_unused_and_since_when(environment: Environment) -> None:
    folder = environment.project
    secret_file.put(environment, "api_token", "one")
    git(folder, "init", "-q")
    git(folder, "add", "inventories")
    git(folder, "commit", "-qm", "x", "--date=2025-03-04T00:00:00Z")
    secret_file.put(environment, "mail_password", "two")
    fewer = environment_in(folder, {"all.yml": TEXT.replace("  mail_password: {}\n", "  other: {}\n")})

    assert {row.name: (row.state, row.changed, row.source) for row in listing(fewer)} == {
        "api_token": ("set", "2025-03-04", "inventories/staging/secrets.sops.yml"),
        "other": ("missing", "", ""),
        "session_key": ("made up when needed", "", ""),
        "mail_password": ("unused", "not committed", "inventories/staging/secrets.sops.yml"),
    }


def _editor(tmp_path: Path, script: str) -> str:
    """An editor that runs Python on the file: `text` before, `text` after."""
    program = tmp_path / "editor.py"
    lines = [
        "import pathlib, sys",
        "path = pathlib.Path(sys.argv[1])",
        "text = path.read_text()",
        "(path.parent / '.swp').write_text(text)",
        "modes = [format(one.stat().st_mode & 0o777, 'o') for one in (path, path.parent)]",
        f"pathlib.Path({str(tmp_path / 'seen')!r}).write_text(' '.join([str(path), *modes]))",
        script,
        "path.write_text(text)",
    ]
    program.write_text("\n".join(lines) + "\n")
    return f"{sys.executable} {program}"


def test_an_edit_seals_only_what_was_changed_and_leaves_nothing_behind(environment: Environment, tmp_path: Path) -> None:
    for name, value in (("api_token", "one"), ("mail_password", "first\nsecond: 'x'\n")):
        secret_file.put(environment, name, value)
    kept = next(line for line in text_of(environment).splitlines() if line.startswith("mail_password"))

    changed = secret_editing.edit(
        environment, _editor(tmp_path, "text = text.replace('\"one\"', '\"zwei \\\\u20ac\"')"), lambda _fault: False
    )

    assert changed == ("api_token",)
    assert kept in text_of(environment).splitlines()
    assert committed_file(environment).values() == {"api_token": "zwei €", "mail_password": "first\nsecond: 'x'\n"}
    path, mode, folder_mode = (tmp_path / "seen").read_text().split()
    assert (mode, folder_mode) == ("600", "700")
    assert not Path(path).parent.exists()


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("text = 'api_token: [one'", "line 1 is not YAML"),
        ("text = 'api_tokn: one'", "did you mean api_token"),
        ("text = 'api_token: one\\napi_token: two'", "line 2: api_token is there twice"),
        ("text = 'api_token:'", "line 1 should be"),
        ("text = '- api_token'", "it should be"),
        ("text = 'api_token:\\n ' + '- ' * 9000", "is nested hundreds of levels deep"),
    ],
)
def test_a_text_that_cannot_be_taken_is_opened_again_or_dropped(
    environment: Environment, tmp_path: Path, script: str, said: str
) -> None:
    before, faults = text_of(environment), []

    def again(fault: str) -> bool:
        faults.append(fault)
        return len(faults) < 2

    with pytest.raises(UsageError, match=said):
        secret_editing.edit(environment, _editor(tmp_path, script), again)

    assert len(faults) == 2
    assert text_of(environment) == before


def test_an_editor_that_fails_changes_nothing(environment: Environment) -> None:
    before = text_of(environment)

    with pytest.raises(WindlassError, match="the editor ended with 1"):
        secret_editing.edit(environment, "false", lambda _fault: False)
    with pytest.raises(UsageError, match="cannot be started"):
        secret_editing.edit(environment, "no-such-editor", lambda _fault: False)

    assert text_of(environment) == before


def test_a_secret_in_the_open_is_found_in_files_history_and_messages(environment: Environment) -> None:
    folder = environment.project
    for name, value in (("api_token", "planted/word-1"), ("mail_password", "short"), ("session_key", "never shown 9")):
        secret_file.put(environment, name, value)
    (folder / ".gitignore").write_text(".windlass/\nhome/\n")
    git(folder, "init", "-q")
    git(folder, "add", ".gitignore", "inventories")
    git(folder, "commit", "-qm", "clean")
    clean = scan(folder, [environment])
    (folder / "old.txt").write_text("url=planted%2Fword-1\n")
    git(folder, "add", "old.txt")
    git(folder, "commit", "-qm", "add")
    added = git(folder, "rev-parse", "HEAD").strip()[:12]
    git(folder, "rm", "-q", "old.txt")
    git(folder, "commit", "-qm", "remove planted/word-1")
    removed = git(folder, "rev-parse", "HEAD").strip()[:12]
    (folder / "new.txt").write_text((folder / ".windlass" / "age-key.txt").read_text())

    found = scan(folder, [environment])

    assert (clean.findings, clean.skipped) == ((), ("staging: mail_password",))
    assert set(found.findings) == {
        Finding("staging: api_token", added, "old.txt"),
        Finding("staging: api_token", removed, "commit message"),
        Finding("private age key 1", HERE, "new.txt"),
    }
    assert "planted" not in repr(found)


def test_two_writers_at_once_lose_nothing(environment: Environment) -> None:
    """Who comes second is told to look again; what the first has written stays, and nothing is left over."""
    files = [committed_file(environment) for _writer in range(8)]
    for file in files:
        file.document()

    def write(file: CommittedSecrets, value: str) -> str:
        try:
            file.change(lambda document, now: document.changed({"api_token": value}, now))
        except InventoryError as error:
            return error.message
        return value

    with ThreadPoolExecutor(len(files)) as threads:
        said = list(threads.map(write, files, map(str, range(len(files)))))

    assert sorted(each for each in said if each.isdigit()) == [real_secrets(environment).get("api_token").reveal()]
    assert {each for each in said if not each.isdigit()} == {f"{files[0].shown_as} was changed by somebody else meanwhile"}
    assert [path.name for path in environment.folder.iterdir() if path.name.startswith(".")] == []


def test_the_files_are_opened_once_however_many_secrets_there_are(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret_file.put(environment, "api_token", "encrypted")
    local = environment.project / ".windlass/secrets/staging.yml"
    local.parent.mkdir(exist_ok=True)
    local.touch(mode=0o600)
    local.write_text("mail_password: stored\nsession_key: kept\n")
    opened: list[str] = []
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: opened.append(path.name) or read(path))

    known = {value.reveal() for value in real_secrets(environment).known()}

    assert known == {"encrypted", "stored", "kept"}
    assert opened.count("staging.yml") == 1


def test_one_file_that_cannot_be_read_keeps_nobody_from_the_others(environment: Environment) -> None:
    secret_file.put(environment, "api_token", "encrypted")
    local = environment.project / ".windlass/secrets/staging.yml"
    local.parent.mkdir(exist_ok=True)
    local.touch(mode=0o600)
    local.write_text("mail_password: stored\napi_token: of old\n")
    (environment.project / ".windlass" / "age-key.txt").unlink()

    secrets = real_secrets(environment)

    assert [value.reveal() for value in secrets.known()] == ["stored"]
    with pytest.raises(InventoryError, match="needs a private age key"):
        secrets.get("api_token")


@pytest.mark.parametrize("name", ["secrets.sops.yml", "staging.yml"])
def test_a_file_that_is_no_text_is_named_with_its_line(environment: Environment, name: str) -> None:
    file = environment.folder / name if "sops" in name else environment.project / ".windlass/secrets" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_bytes(b"a: b\nc: \xff\n")

    with pytest.raises(InventoryError, match=rf"{name}:2 is not UTF-8 text"):
        local_secrets(environment, {}).existing()
