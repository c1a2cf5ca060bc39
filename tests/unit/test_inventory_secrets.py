"""Values of secrets: where they come from, how they are made up, and what is said when one is missing."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.unit.inventory_support import environment_in
from windlass.errors import InventoryError, UsageError
from windlass.inventory import Environment, local_secrets

TEXT = """\
hosts: {web1: {address: 192.0.2.1}}
secrets:
  api_token: {description: from the provider's console}
  mail_password: {}
  database_password: {generate: 32}
  session_key: {generate: 64}
"""


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return environment_in(tmp_path, {"all.yml": TEXT})


def store(environment: Environment, text: str, mode: int = 0o600) -> Path:
    file = environment.project / ".windlass" / "secrets" / "staging.yml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)
    return file


def test_an_environment_variable_comes_before_the_file(environment: Environment) -> None:
    store(environment, "api_token: from file\nmail_password: 0123\n")

    secrets = local_secrets(environment, {"WINDLASS_SECRET_API_TOKEN": "from surroundings"})

    assert secrets.get("api_token").reveal() == "from surroundings"
    assert secrets.get("mail_password").reveal() == "0123"
    assert "from" not in repr(secrets.get("api_token"))


def test_a_secret_is_made_up_once_and_kept_for_its_owner_alone(environment: Environment) -> None:
    made = local_secrets(environment, {}).get("database_password").reveal()

    file = environment.project / ".windlass" / "secrets" / "staging.yml"
    assert len(made) == 32
    assert made.isalnum()
    assert made.isascii()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert local_secrets(environment, {}).get("database_password").reveal() == made
    assert local_secrets(environment, {}).get("session_key").reveal() != made
    assert local_secrets(environment, {}).get("database_password").reveal() == made


def test_what_a_person_wrote_into_the_file_stays_as_it_is(environment: Environment) -> None:
    file = store(environment, "# from the safe\napi_token: 'a: b'  # until May")

    made = local_secrets(environment, {}).get("session_key").reveal()

    assert file.read_text(encoding="utf-8") == f"# from the safe\napi_token: 'a: b'  # until May\nsession_key: \"{made}\"\n"
    assert sorted(path.name for path in file.parent.iterdir()) == [".lock", "staging.yml"]


def test_a_file_to_which_nothing_can_be_added_is_left_alone(environment: Environment) -> None:
    file = store(environment, "{api_token: abc}")

    with pytest.raises(InventoryError) as caught:
        local_secrets(environment, {}).get("session_key")

    assert caught.value.message == ".windlass/secrets/staging.yml:2 is not YAML"
    assert file.read_text(encoding="utf-8") == "{api_token: abc}"


def test_several_runs_at_once_make_up_one_value(environment: Environment) -> None:
    with ThreadPoolExecutor(8) as pool:
        values = set(pool.map(lambda _: local_secrets(environment, {}).get("database_password").reveal(), range(16)))

    assert len(values) == 1


def test_all_missing_secrets_are_named_at_once(environment: Environment) -> None:
    with pytest.raises(InventoryError) as caught:
        local_secrets(environment, {}).all_of()

    assert caught.value.message == "2 secrets have no value: api_token, mail_password"
    assert caught.value.last_lines == ("api_token: from the provider's console", "mail_password: no description")
    assert caught.value.hint == (
        'write `api_token: "value"` into .windlass/secrets/staging.yml (mode 0600), '
        "or set WINDLASS_SECRET_API_TOKEN, and so for the others"
    )
    with pytest.raises(InventoryError) as caught:
        local_secrets(environment, {"WINDLASS_SECRET_API_TOKEN": "x"}).get("mail_password")
    assert caught.value.message == "the secret mail_password has no value"


def test_an_empty_value_is_no_value(environment: Environment) -> None:
    store(environment, "api_token:\n")

    with pytest.raises(InventoryError, match="the secret api_token has no value"):
        local_secrets(environment, {"WINDLASS_SECRET_API_TOKEN": ""}).get("api_token")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644])
def test_a_file_that_others_may_read_is_refused(environment: Environment, mode: int) -> None:
    store(environment, "api_token: abc\n", mode)

    with pytest.raises(InventoryError) as caught:
        local_secrets(environment, {}).get("api_token")

    assert caught.value.message == f".windlass/secrets/staging.yml holds secrets and others may read or write it (mode {mode:04o})"
    assert caught.value.hint == "chmod 600 .windlass/secrets/staging.yml"


@pytest.mark.parametrize("text", ["- a\n", "api_token: {a: b}\n"])
def test_a_file_of_another_form_is_refused_without_showing_it(environment: Environment, text: str) -> None:
    store(environment, text)

    with pytest.raises(InventoryError, match=r"staging\.yml should hold names and values only"):
        local_secrets(environment, {}).get("api_token")


def test_a_secret_that_is_not_declared_does_not_exist(environment: Environment) -> None:
    with pytest.raises(UsageError, match=r"no secret is called 'api_tokn' \(did you mean api_token\?\)"):
        local_secrets(environment, {"WINDLASS_SECRET_API_TOKN": "x"}).get("api_tokn")
