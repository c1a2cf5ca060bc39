"""The real program in a project of a user's own: exit codes, what goes to standard output, what an error says."""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.unit.commands_reference import PAGE, rewritten
from tests.unit.sample_project import HOSTS, REPOSITORY, run_tasks, surroundings, write_project
from windlass.tasks.program import namespace, namespace_of

WIDTH_OF_HELP = 78  # Invoke indents it by two


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path)


@pytest.mark.parametrize(
    "words", [["windlass.tasks.program"], ["invoke", "--search-root", str(REPOSITORY)]], ids=["ours", "invoke"]
)
def test_hosts_are_listed_with_code_0(project: Path, words: list[str]) -> None:
    command = [sys.executable, "-m", *words, "inventory.hosts", "--env", "staging"]
    done = subprocess.run(command, cwd=project, env=surroundings(project), capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "host  address             groups  roles",
        "web1  deploy@127.0.0.1:1          greeting",
        "web2  deploy@127.0.0.2:1  edge    greeting",
    ]


def test_a_setting_is_explained_with_the_lines_that_say_it(project: Path) -> None:
    done = run_tasks(project, "inventory.explain", "--host", "web2", "--env", "staging")

    assert done.stdout.splitlines() == [
        'greeting.text = "from the edge"',
        "    inventories/staging/hosts.yml:7  (group edge)",
        '    roles/greeting/defaults.yml:2  (role defaults) said "hello"',
    ]


def test_all_environments_are_checked(project: Path) -> None:
    done = run_tasks(project, "inventory.check")

    assert (done.returncode, done.stdout.splitlines()) == (
        0,
        ["production: good (2 hosts, 1 group, 1 secret)", "staging: good (2 hosts, 1 group, 1 secret)"],
    )


def test_the_faults_of_two_environments_come_together_with_code_2(project: Path) -> None:
    for name in ("staging", "production"):
        (project / "inventories" / name / "hosts.yml").write_text(HOSTS.replace("port: 1}", "prot: 1}"))

    done = run_tasks(project, "inventory.check")

    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == "error: inventories/production: 1 fault; inventories/staging: 1 fault"
    assert done.stderr.splitlines()[2] == "  inventories/staging/hosts.yml:3: hosts.web1.prot: unknown key (did you mean port?)"


def test_the_schema_knows_the_projects_own_role(project: Path) -> None:
    document = json.loads(run_tasks(project, "inventory.schema").stdout)

    assert document["$defs"]["Variables"]["properties"]["greeting"]["properties"] == {"text": {"type": "string"}}


def test_without_an_environment_all_are_named(project: Path) -> None:
    done = run_tasks(project, "setup")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: which environment? say --env production or --env staging\nhint: or set WINDLASS_ENV\n"


def test_the_environment_may_come_from_the_surroundings(project: Path) -> None:
    done = run_tasks(project, "inventory.hosts", "--limit", "web1", "--json", WINDLASS_ENV="staging")

    assert list(json.loads(done.stdout)["result"]["hosts"]) == ["web1"]


def test_an_unknown_environment_is_told_from_the_known_ones(project: Path) -> None:
    done = run_tasks(project, "setup", "--env", "stagng")

    assert (done.returncode, done.stderr.splitlines()) == (
        2,
        ["error: there is no environment 'stagng' (did you mean staging?)", "hint: environments: production, staging"],
    )


def test_outside_of_a_project_nothing_is_made_and_the_way_is_told(tmp_path: Path) -> None:
    unknown = run_tasks(tmp_path, "setup", "--env", "staging")
    history = run_tasks(tmp_path, "history")

    assert (unknown.returncode, history.returncode) == (2, 0)
    assert unknown.stderr.splitlines()[1] == (
        "hint: run this inside a folder with inventories/<name>/hosts.yml; invoke init --host USER@ADDRESS writes a first one"
    )
    assert history.stdout == "no run is known here yet\n"
    assert list(tmp_path.iterdir()) == []


def test_a_project_is_found_from_a_folder_inside_it(project: Path) -> None:
    done = run_tasks(project / "roles" / "greeting", "inventory.check", "--env", "staging")

    assert (done.returncode, done.stdout) == (0, "staging: good (2 hosts, 1 group, 1 secret)\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("setup --evn staging", "there is no option --evn of setup (did you mean --env?)"),
        ("stup --env staging", "there is no task stup (did you mean setup?)"),
        ("backup.lst", "there is no task backup.lst (did you mean backup.list?)"),
        ("setup --env", "--env of setup needs a value"),
        ("run --limit-seconds", "--limit-seconds of run needs a value"),
        ("history.show", "history.show needs --run"),
    ],
)
def test_what_the_program_does_not_understand_is_wrong_usage(project: Path, words: str, said: str) -> None:
    done = run_tasks(project, *words.split())

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[0] == f"error: {said}"


@pytest.mark.parametrize("words", ["setup --evn staging", "stup --env staging"])
def test_invoke_in_a_clone_tells_it_as_our_own_program_does(project: Path, words: str) -> None:
    command = [sys.executable, "-m", "invoke", "--search-root", str(REPOSITORY), *words.split()]
    done = subprocess.run(command, cwd=project, env=surroundings(project), capture_output=True, text=True, check=False)
    ours = run_tasks(project, *words.split())

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        ours.stderr.splitlines()[0],
        "hint: `invoke --list` shows all tasks, `invoke --help TASK` one",
    ]


def test_a_twin_that_is_not_up_says_how_to_get_it_up(project: Path) -> None:
    done = run_tasks(project, "setup", "--env", "staging", "--lab")

    assert (done.returncode, done.stderr.splitlines()) == (
        2,
        ["error: no lab is up for staging", "hint: invoke lab.up --env staging"],
    )


def test_nobody_to_confirm_is_a_refusal(project: Path) -> None:
    done = run_tasks(project, "setup", "--env", "production")

    assert (done.returncode, done.stderr.splitlines()) == (
        4,
        [
            "error: setup changes production: nobody is there to confirm it",
            "hint: run it in a terminal, or with --yes",
        ],
    )


def test_a_check_needs_no_confirmation(project: Path) -> None:
    done = run_tasks(project, "setup", "--env", "production", "--check", "--limit", "web1")

    assert done.returncode == 1
    assert "confirm" not in done.stderr


def test_an_unreachable_host_fails_and_json_is_all_there_is_on_standard_output(project: Path) -> None:
    done = run_tasks(project, "setup", "--env", "staging", "--json")

    document = json.loads(done.stdout)
    assert (done.returncode, document["exit_code"], document["status"]) == (1, 1, "failed")
    assert {name: host["status"] for name, host in document["hosts"].items()} == {"web1": "failed", "web2": "failed"}
    assert document["error"]["message"] == "setup failed on 2 of 2 hosts"
    assert document["result"] == {"hosts_done": 0, "hosts_failed": 2, "hosts_untouched": 0, "changed": 0}
    assert list(document) == ["run", "task", "environment", "status", "exit_code", "seconds", "hosts", "result", "error"]


def test_what_is_no_ssh_server_is_told_in_words_and_without_a_traceback(project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as web:
        threading.Thread(target=answer_as_the_web, args=(web,), daemon=True).start()
        hosts = f"environment: {{connect_seconds: 1}}\nhosts: {{web1: {{address: 127.0.0.1, port: {web.getsockname()[1]}}}}}\n"
        (project / "inventories" / "staging" / "hosts.yml").write_text(f"{hosts}groups: {{all: {{roles: [greeting]}}}}\n")
        done = run_tasks(project, "setup", "--env", "staging", "--check")

    assert done.returncode == 1
    assert "no SSH server answers there" in done.stderr
    assert "Traceback" not in done.stderr


def answer_as_the_web(web: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the test is over
        while True:
            with web.accept()[0] as asked:
                asked.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def test_with_stop_the_first_failure_leaves_the_others_untouched(project: Path) -> None:
    done = run_tasks(project, "setup", "--env", "staging", "--on-failure", "stop", "--json")

    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["message"]) == (1, "setup failed on 1 of 2 hosts")
    assert error["hosts"]["web2"] == "not touched"


def test_roles_that_are_named_are_asked_alone_and_hosts_without_them_not_at_all(project: Path) -> None:
    hosts = (project / "inventories/staging/hosts.yml").read_text().replace("jump: web1", "user: ops")
    (project / "inventories/staging/hosts.yml").write_text(hosts.replace("hosts: [web2],", "hosts: [web2], roles: [python],"))

    unknown = run_tasks(project, "setup", "--env", "staging", "--roles", "greeting,pyhton")
    edge = run_tasks(project, "setup", "--env", "staging", "--roles", "python", "--json", "--check")
    mixed = run_tasks(project, "setup", "--env", "staging", "--roles", "python", "--resume", "x")

    assert (unknown.returncode, mixed.returncode) == (2, 2)
    assert unknown.stderr.splitlines() == [
        "error: none of these hosts has the role 'pyhton' (did you mean python?)",
        "hint: they have greeting, python",
    ]
    assert list(json.loads(edge.stdout)["hosts"]) == ["web2"]


def test_an_unknown_policy_is_wrong_usage(project: Path) -> None:
    assert run_tasks(project, "setup", "--env", "staging", "--on-failure", "pause").returncode == 2


def test_a_fault_in_a_role_is_told_with_its_file_and_line_before_anything_is_done(project: Path) -> None:
    (project / "roles/greeting/steps.py").write_text("def steps(host, settings):\n    return settings.nothing\n")

    done = run_tasks(project, "setup", "--env", "staging")

    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == "error: the role greeting is not usable: its steps for web1 broke"
    assert done.stderr.splitlines()[1] == f"  | {project}/roles/greeting/steps.py:2"
    assert "setup on" not in done.stderr


def interrupted(project: Path, server: socket.socket) -> tuple[bool, int, str, str]:
    """A setup that hears Ctrl-C when it has begun, and again if it waits for its host by then: whether it did, its exit code, what
    it said on either stream."""
    command = [sys.executable, "-m", "windlass.tasks.program", "setup", "--env", "staging", "--limit", "web1"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=project, env=surroundings(project), text=True, **pipes) as process:  # type: ignore[call-overload]
        connection, _ = server.accept()
        assert any("setup on" in line for line in process.stderr)
        process.send_signal(signal.SIGINT)
        told, waited = "", False
        for line in process.stderr:
            told += line
            if "Ctrl-C again leaves at once" in line:
                waited = True
                process.send_signal(signal.SIGINT)
        output, _nothing = process.communicate()
        connection.close()
    return waited, process.returncode, output, told


def test_ctrl_c_twice_ends_at_once_with_130_and_says_what_is_true(project: Path) -> None:
    """A host that takes the connection and then says nothing would hold a thread for as long as a connection may take. Who presses
    it before any host is waited for needs it only once, which is another case and hangs on the moment: then it is tried again."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        hosts = HOSTS.replace("127.0.0.1, port: 1}", f"127.0.0.1, port: {server.getsockname()[1]}}}")
        hosts = hosts.replace("user: deploy,", "user: deploy, connect_seconds: 300,")
        (project / "inventories/staging/hosts.yml").write_text(hosts)
        waited = False
        for _attempt in range(30):
            waited, code, output, errors = interrupted(project, server)

            assert (code, output) == (130, "")
            assert "error: interrupted: what was done stays done" in errors
            assert "Traceback" not in errors
            if waited:
                break

    assert waited


@pytest.mark.parametrize(
    "command", ["windlass.tasks.program inventory.schema", "windlass.tasks.program deploy --help", "invoke deploy --help"]
)
def test_a_reader_that_goes_away_is_no_error(project: Path, command: str) -> None:
    script = f"{{ sleep 0.2; {sys.executable} -m {command}; }} | head -c 0"  # what it says comes when nobody reads any more
    place = REPOSITORY if command.startswith("invoke") else project
    done = subprocess.run(
        ["/bin/bash", "-o", "pipefail", "-c", script], cwd=place, env=surroundings(project), capture_output=True, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_terminal_gets_the_live_view_and_its_summary(project: Path) -> None:
    command = [sys.executable, "-m", "windlass.tasks.program", "setup", "--env", "staging", "--limit", "web1"]
    ours, theirs = pty.openpty()
    environ = surroundings(project) | {"TERM": "xterm", "NO_COLOR": "1"}
    with subprocess.Popen(command, cwd=project, env=environ, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = read_all(ours)

    assert process.returncode == 1
    assert "\x1b[2K" in shown  # a row that was drawn has been taken away again
    words = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert re.search(r"✗ web1  nothing done, [0-9.]+ m?s\r\n", words)
    assert "\nerror: web1 (deploy@127.0.0.1:1) cannot be reached" in words


def read_all(terminal: int) -> str:
    """What was written to the other end of a terminal until it was closed."""
    pieces = []
    with contextlib.suppress(OSError):  # how Linux says that nobody is at the other end any more
        while piece := os.read(terminal, 65536):
            pieces.append(piece)
    os.close(terminal)
    return b"".join(pieces).decode()


def test_every_task_has_a_first_line_an_example_and_exit_codes_in_80_columns() -> None:
    tasks = namespace()
    assert {"setup", "inventory.check", "lab.up"} <= set(tasks.task_names)
    for name in tasks.task_names:
        text = inspect.cleandoc(tasks[name].__doc__ or "")
        assert text.splitlines()[0].endswith("."), name
        assert [line for line in text.splitlines() if len(line) > WIDTH_OF_HELP] == [], name
        assert f"invoke {name}" in text, name
        assert "Exit codes:" in text, name


@pytest.mark.parametrize(("words", "task"), [("history.show", "history.show"), ("run", "run")])
def test_an_error_before_the_task_has_begun_names_it_as_it_is_typed(project: Path, words: str, task: str) -> None:
    document = json.loads(run_tasks(project, words, "--jsn", "--json").stdout)

    assert (document["task"], document["status"]) == (task, "wrong_usage")


def test_listed_as_json_each_family_has_its_name() -> None:
    listed = namespace().serialized()

    names = {f"{family['name']}.{task['name']}" for family in listed["collections"] for task in family["tasks"]}
    assert names == {name for name in namespace().task_names if "." in name}


def test_the_page_of_commands_is_what_the_tasks_say() -> None:
    page = PAGE.read_text()

    assert page == rewritten(page), "run: python -m tests.unit.commands_reference"


def test_the_example_of_a_task_of_ones_own_works(project: Path) -> None:
    example = PAGE.read_text().split("```python\n")[1].split("```")[0]
    (project / "tasks.py").write_text(example)
    command = [sys.executable, "-m", "invoke", "greet", "--env", "staging", "--word", "hi"]
    done = subprocess.run(command, cwd=project, env=surroundings(project), capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "hi: 2\n")


def test_listing_the_tasks_loads_nothing_heavy() -> None:
    code = "import sys; from windlass.tasks.program import namespace; namespace(); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, env=surroundings(REPOSITORY), capture_output=True, text=True, check=True
    )

    heavy = {"rich", "pydantic", "jinja2", "paramiko", "fabric", "cryptography", "sqlite3", "windlass.hosts"}
    assert heavy & set(done.stdout.split()) == set()


def test_a_command_line_finds_each_task_without_the_others() -> None:
    everything = namespace()
    for name in everything.task_names:
        found = namespace_of([name, "--env", "staging"])
        assert name in found.task_names, name
        assert found[name].__doc__ == everything[name].__doc__
        assert len(found.task_names) < len(everything.task_names)


@pytest.mark.parametrize("words", [[], ["--list"], ["--help", "setup"], ["setpu"], ["setpu", "setup"], ["backup-list"]])
def test_what_does_not_begin_with_a_task_finds_all(words: list[str]) -> None:
    assert namespace_of(words).task_names == namespace().task_names


def test_several_tasks_are_found_together() -> None:
    assert {"setup", "deploy", "backup.run"} <= set(namespace_of(["setup", "deploy", "--env", "lab", "backup.run"]).task_names)


@pytest.mark.parametrize("word", ["--help", "--limt"])
def test_an_option_is_never_taken_for_a_command_to_run(project: Path, word: str) -> None:
    done = run_tasks(project, "run", word, "--env", "staging")

    assert (done.returncode, done.stdout) == (2, "")
    assert f"there is no option {word} here" in done.stderr
