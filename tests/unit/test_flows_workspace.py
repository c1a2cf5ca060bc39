"""Opening an environment: roles and templates of a user's own, targets, secrets, what roles want of a host."""

from __future__ import annotations

import dataclasses
import getpass
import socket
import subprocess
from pathlib import Path

import pytest

from tests.unit.sample_project import SETTINGS, write_project
from windlass.errors import ConnectionFailed, FlowFailed, HeldByAnother, UsageError
from windlass.flows.catalogue import Catalogue, shipped
from windlass.flows.secrets.known_secrets import real_secrets, twin_secrets
from windlass.flows.setup import HostSetup, SetupResult, batch_for
from windlass.flows.workspace import load_environment, open_workspace, secrets_file
from windlass.hosts.common.target import Target
from windlass.inventory import store_credentials
from windlass.operations.file import File
from windlass.values import Secret


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path)


def test_the_roles_of_a_host_say_what_they_want_of_it(project: Path) -> None:
    workspace = open_workspace(project, "staging")
    batch = batch_for(workspace, workspace.environment.host("web2"), check=True)

    assert batch.check
    assert batch.operations == (File(path="/etc/motd", content="We say from the edge to web2"),)


def test_jump_hosts_become_targets_of_their_own(project: Path) -> None:
    workspace = open_workspace(project, "staging", accept_new=True)

    jump = Target(name="web1", address="127.0.0.1", user="deploy", port=1, accept_new=True)
    behind = Target(name="web2", address="127.0.0.2", user="deploy", port=1, jump=jump, accept_new=True)
    assert workspace.targets(["web2"]) == (behind,)


def test_the_sudo_password_is_for_every_target_and_known_as_a_secret(project: Path) -> None:
    password = Secret("the tulip sleeps")
    workspace = dataclasses.replace(open_workspace(project, "staging"), sudo_password=password)

    (target,) = workspace.targets(["web2"])
    assert target.sudo_password == password
    assert password in tuple(workspace.known_secrets())


def test_the_credentials_of_stores_are_known_here_and_told_to_no_host(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = 'stores: {off: {s3: {bucket: acme, access_key: "{{ secrets.bucket_id }}", secret_key: "x{{ secrets.bucket_key }}"}}}\n'
    (project / "inventories/staging/stores.yml").write_text(f"{text}secrets: {{bucket_id: , bucket_key: , other: }}\n")
    for name in ("BUCKET_ID", "BUCKET_KEY", "OTHER"):
        monkeypatch.setenv(f"WINDLASS_SECRET_{name}", f"value of {name}")
    workspace = open_workspace(project, "staging")

    known = {secret.reveal() for secret in workspace.known_secrets()}
    told = {secret.reveal() for secret in workspace.secrets_of_hosts()}
    access, secret = store_credentials(workspace.environment, "off", workspace.secrets)

    assert known - told == {"value of BUCKET_ID", "value of BUCKET_KEY"}
    assert "value of OTHER" in told
    assert (access.reveal(), secret.reveal()) == ("value of BUCKET_ID", "xvalue of BUCKET_KEY")


def test_how_long_a_line_may_take_and_be_broken_is_the_environment_s_word(project: Path) -> None:
    hosts = project / "inventories/staging/hosts.yml"
    hosts.write_text(hosts.read_text().replace("confirm: false", "connect_seconds: 30, grace_seconds: 300, warm_seconds: 5"))

    (target,) = open_workspace(project, "staging").targets(["web2"])
    assert target.jump
    assert [(each.connect_seconds, each.grace_seconds, each.warm_seconds) for each in (target, target.jump)] == [
        (30.0, 300.0, 5.0)
    ] * 2


def test_the_known_hosts_of_the_environment_are_those_of_its_targets(project: Path) -> None:
    hosts = project / "inventories/staging/hosts.yml"
    hosts.write_text(hosts.read_text().replace("confirm: false", "known_hosts: inventories/staging/known_hosts"))

    (target,) = open_workspace(project, "staging").targets(["web1"])
    assert target.known_hosts == project / "inventories/staging/known_hosts"


def test_a_key_that_the_inventory_names_is_the_one_to_log_in_with(project: Path) -> None:
    hosts = project / "inventories/staging/hosts.yml"
    hosts.write_text(hosts.read_text().replace("confirm: false", "private_key: keys/site"))
    workspace = open_workspace(project, "staging")

    with pytest.raises(UsageError, match=r"there is no key .*/keys/site") as caught:
        workspace.targets(["web1"])
    (project / "keys").mkdir()
    (project / "keys" / "site").touch()

    assert "staging/hosts.yml" in caught.value.hint
    assert [target.private_key for target in workspace.targets(["web1"])] == [project / "keys/site"]


def test_limit_means_some_hosts_and_nothing_means_all(project: Path) -> None:
    workspace = open_workspace(project, "staging")

    assert [host.name for host in workspace.hosts()] == ["web1", "web2"]
    assert [host.name for host in workspace.hosts("!edge")] == ["web1"]


def test_the_operator_is_the_user_here_and_their_git_address(project: Path) -> None:
    workspace = open_workspace(project, "staging")
    subprocess.run(["git", "init", "--quiet"], cwd=project, check=True)
    subprocess.run(["git", "config", "user.email", "ann@example.org"], cwd=project, check=True)

    assert workspace.operator == f"{getpass.getuser()}@{socket.gethostname()} (ann@example.org)"


def test_a_role_of_ones_own_comes_before_a_shipped_one_of_that_name(tmp_path: Path) -> None:
    """Both can be loaded in one process, each with its own modules."""
    catalogues = []
    for name, setting in (("one", "text"), ("two", "other")):
        project = write_project(tmp_path / name)
        (project / "roles/greeting/settings.py").write_text(SETTINGS.replace("text:", f"{setting}:"))
        catalogues.append(Catalogue(project))

    fields = [list(catalogue.schemas()["greeting"].model.model_fields) for catalogue in catalogues]
    assert fields == [["text"], ["other"]]


def test_a_project_s_own_template_counts_from_the_moment_in_which_it_is_there(tmp_path: Path) -> None:
    catalogue, name = Catalogue(tmp_path), "nginx/balancer.conf.j2"
    own = tmp_path / "templates" / name
    shipped_one = catalogue.template(name)
    own.parent.mkdir(parents=True)
    seen = []
    for text in ("one", "another"):
        own.write_text(text)
        seen.append(catalogue.template(name))
    own.unlink()

    assert seen == ["one", "another"]
    assert catalogue.template(name) == shipped_one != "one"


def test_shipped_roles_are_there_beside_ones_own(project: Path) -> None:
    own = set(Catalogue(project).folders)
    bundled = {path.parent.name for path in shipped("roles").glob("*/steps.py")}

    assert own == bundled | {"greeting"}


def test_a_role_that_lacks_a_part_says_which(project: Path) -> None:
    (project / "roles/greeting/defaults.yml").unlink()

    with pytest.raises(UsageError) as error:
        Catalogue(project).schema("greeting")
    assert error.value.message == "the role greeting is not usable: it lacks defaults.yml"


def test_a_role_with_a_syntax_error_says_where(project: Path) -> None:
    (project / "roles/greeting/settings.py").write_text("class Settings\n")

    with pytest.raises(UsageError) as error:
        Catalogue(project).schema("greeting")
    assert error.value.last_lines[0].strip() == f'File "{project}/roles/greeting/settings.py", line 1'


@pytest.mark.parametrize("text", ["Settings = 3\n", "class Settings: pass\n", "\n"])
def test_settings_must_be_a_model(project: Path, text: str) -> None:
    (project / "roles/greeting/settings.py").write_text(text)

    with pytest.raises(UsageError, match="no Pydantic model"):
        Catalogue(project).schema("greeting")


def test_a_template_that_is_not_there_says_where_it_was_expected(project: Path) -> None:
    with pytest.raises(UsageError) as error:
        Catalogue(project).template("greeting/nothing")
    assert error.value.hint == f"expected it at {project}/templates/greeting/nothing"


def test_a_template_cannot_be_any_file_of_the_machine(project: Path) -> None:
    with pytest.raises(UsageError):
        Catalogue(project).template("../inventories/staging/hosts.yml")


def test_a_secret_stays_the_same_throughout_a_run_and_the_next(project: Path) -> None:
    environment = load_environment(project, "staging")
    secrets = real_secrets(environment)
    before = secrets.known()
    value = secrets.get("token")

    assert before == ()
    assert secrets.known() == (value,)
    assert real_secrets(environment).known() == (value,)


def test_a_twin_gets_made_up_secrets_even_where_the_real_ones_are_given(project: Path) -> None:
    hosts = project / "inventories/staging/hosts.yml"
    hosts.write_text(hosts.read_text().replace("token: {generate: 20}", "token: {description: from the provider}"))
    environment = load_environment(project, "staging")
    real = project / ".windlass/secrets/staging.yml"
    real.parent.mkdir(parents=True)
    real.write_text('token: "the-real-one"\n')
    real.chmod(0o600)
    twin = twin_secrets(environment, secrets_file(project, "staging"))

    assert real_secrets(environment).get("token").reveal() == "the-real-one"
    assert len(twin.get("token").reveal()) == 32
    assert (project / ".windlass/secrets/staging-lab.yml").is_file()


def test_all_hosts_set_up_is_no_error() -> None:
    assert SetupResult({"web1": HostSetup(ok=3), "web2": HostSetup(changed=1)}).error() is None


def test_a_single_failed_host_gives_its_own_error() -> None:
    error = ConnectionFailed("web1 cannot be reached", host="web1")

    assert SetupResult({"web1": HostSetup(error=error)}).error() is error


@pytest.mark.parametrize(("other", "code"), [("begun too late", 4), ("lost", 1), ("done", 3)])
def test_another_run_at_work_on_all_hosts_is_a_refusal(other: str, code: int) -> None:
    held = HeldByAnother("web1: setup is locked by ada@desk: setup --env production", host="web1")
    others = {
        "begun too late": HostSetup(begun=False),
        "lost": HostSetup(error=ConnectionFailed("web2 was lost", host="web2")),
        "done": HostSetup(ok=3),
    }

    failed = SetupResult({"web1": HostSetup(error=held), "web2": others[other]}).error()

    assert failed
    assert failed.exit_code == code
    assert SetupResult({"web1": HostSetup(error=held)}).error() is held
    assert held.exit_code == 4


def test_some_of_several_hosts_failed_is_partly_done_and_says_what_is_true_where() -> None:
    error = ConnectionFailed("web2 was lost", host="web2", hint="run it again", last_lines=["bye"])
    result = SetupResult(
        {
            "web1": HostSetup(ok=3, changed=1),
            "web2": HostSetup(changed=2, error=error),
            "web3": HostSetup(begun=False),
        }
    )

    failed = result.error()
    assert isinstance(failed, FlowFailed)
    assert (failed.exit_code, failed.message, failed.hint) == (3, "setup failed on 1 of 3 hosts", "run it again")
    assert failed.last_lines == ("web2: bye",)
    assert failed.hosts == {
        "web1": "set up: 3 ok, 1 changed",
        "web2": "web2 was lost (2 changed before that)",
        "web3": "not touched",
    }
