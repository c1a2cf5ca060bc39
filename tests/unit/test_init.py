"""`init`: what it writes for what it finds is good as it is, and nothing that is there is overwritten."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.unit.sample_project import run_tasks
from windlass.errors import UsageError, WindlassError
from windlass.flows.first_inventory import Wanted, Written, first_inventory
from windlass.flows.rehearsal import faults_of
from windlass.flows.workspace import load_environment
from windlass.inventory import Application, Environment

HOST = "deploy@203.0.113.10"
EXPRESS = json.dumps(
    {
        "scripts": {"start": "node src/server.js", "build": "vite build"},
        "dependencies": {"express": "5", "pg": "8", "ioredis": "5"},
        "devDependencies": {"vite": "6", "sequelize-cli": "6"},
    }
)
VITE = json.dumps({"scripts": {"build": "vite build"}, "devDependencies": {"vite": "6"}})
NEXT = json.dumps({"scripts": {"build": "next build", "start": "next start"}, "dependencies": {"next": "15"}})
FASTAPI = "SQLAlchemy==2.0.0\nfastapi==0.115.0\nuvicorn[standard]==0.34.0\npsycopg[binary]==3.2.0\n"


@pytest.fixture(autouse=True)
def _no_npm_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "https://registry.example.org")


def repository(folder: Path, files: Mapping[str, str]) -> Path:
    """A repository with one commit on the branch `trunk`."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    person = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    for words in (["init", "-q", "-b", "trunk"], ["add", "-A"], [*person, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", "-C", str(folder), *words], check=True)
    return folder


def written(tmp_path: Path, files: Mapping[str, str], **said: str) -> tuple[Written, Environment]:
    """What `init` wrote for a repository, loaded, and asked of all roles."""
    project = tmp_path / "project"
    project.mkdir()
    code = repository(tmp_path / "My Shop", files)
    done = first_inventory(project, Wanted(**{"environment": "mine", "host": HOST, "git": str(code), **said}))
    environment = load_environment(project, "mine")

    assert [fault for fault in faults_of(project, environment) if "private_address" not in str(fault)] == []
    return done, environment


def application(environment: Environment) -> Application:
    return environment.application("my-shop")


def test_an_express_application_with_its_database(tmp_path: Path) -> None:
    code = {"src/server.js": "app.get('/health', well)\n", "src/server.test.js": "get('/healthz')\n"}
    done, environment = written(tmp_path, {"package.json": EXPRESS, "package-lock.json": "{}", **code})

    found = application(environment)
    assert (done.guess.kind, done.needs, done.notes) == ("node", ("postgresql", "redis"), ())
    assert found.web.health
    assert found.web.health.path == "/health"
    assert (found.web.command, found.build.commands, found.migrate) == (
        "node src/server.js",
        ("npm run build",),
        "npx sequelize-cli db:migrate",
    )
    assert set(environment.roles_of("server1")) >= {"nodejs", "postgresql", "redis", "app"}
    assert environment.hosts["server1"].user == "deploy"
    assert list(environment.backups) == ["my-shop"]


def test_a_fastapi_service_is_supervised_by_systemd(tmp_path: Path) -> None:
    code = {"app/main.py": '@app.get("/api/health")\n', "app/other.py": '@app.get("/ping")\n'}
    done, environment = written(tmp_path, {"requirements.txt": FASTAPI, "alembic.ini": "", **code})

    found = application(environment)
    assert (done.needs, done.notes, done.guess.health) == (("postgresql",), (), "/api/health")
    assert (found.runtime, found.supervisor, found.web.command) == ("python", "systemd", "uvicorn app.main:app --uds {{ listen }}")
    assert found.migrate == "alembic upgrade head"
    assert found.environment["DATABASE_URL"].startswith("postgresql+psycopg://my_shop:")


@pytest.mark.parametrize(
    ("files", "folder", "assets", "commands"),
    [
        ({"package.json": VITE, "package-lock.json": "{}"}, "dist", "assets", ("npm run build",)),
        (
            {"package.json": NEXT, "package-lock.json": "{}", "next.config.mjs": "export default { output: 'export' }"},
            "out",
            "_next",
            ("npm run build",),
        ),
        ({"site/index.html": "<p>"}, "site", "", ()),
    ],
)
def test_pages_that_need_no_program(
    tmp_path: Path, files: Mapping[str, str], folder: str, assets: str, commands: tuple[str, ...]
) -> None:
    _, environment = written(tmp_path, files, kind="static")

    found = application(environment)
    assert found.static
    assert (found.static.folder, found.static.assets, found.build.commands) == (folder, assets, commands)


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        ({"package.json": NEXT}, "node"),
        ({"package.json": NEXT, "next.config.js": 'module.exports = { output: "export" }'}, "static"),
        ({"package.json": VITE}, "static"),
        ({"pyproject.toml": '[project]\ndependencies = ["django>=5"]\n', "manage.py": "", "shop/wsgi.py": ""}, "python"),
        ({"index.html": "<p>"}, "static"),
        ({"package.json": '{"scripts": {"build": "node build.js"}}', "build.js": ""}, "static"),
        ({"package.json": '{"scripts": {"build": "tsc"}, "main": "./lib/main.js"}', "lib/main.js": ""}, "node"),
        ({"package.json": "not JSON"}, "node"),
    ],
)
def test_the_kind_is_seen(tmp_path: Path, files: Mapping[str, str], kind: str) -> None:
    done, _ = written(tmp_path, files)

    assert done.guess.kind == kind


def test_the_files_speak_of_the_program_that_is_typed(tmp_path: Path) -> None:
    done, _ = written(tmp_path, {"package.json": EXPRESS}, domain="shop.example.org", program="windlass")

    text = "".join((tmp_path / "project" / name).read_text() for name in done.files)
    assert "windlass secrets.set" in text
    assert "invoke" not in text


def test_a_health_path_that_is_only_a_guess_is_said_to_be_one(tmp_path: Path) -> None:
    files = {"package.json": EXPRESS, "package-lock.json": "{}", "src/server.js": "", "README.md": "'/health'"}
    done, environment = written(tmp_path, files)

    web = application(environment).web
    assert web.health
    assert web.health.path == "/"
    assert done.notes == ("`health.path`: no usual one (/healthz, /health) is in the code; does / answer 200 when all is well?",)


def test_two_servers_share_the_application_and_a_third_has_its_data(tmp_path: Path) -> None:
    files = {"package.json": EXPRESS, "package-lock.json": "{}"}
    done, environment = written(tmp_path, files, host=f"{HOST},root@203.0.113.11:2222", data="deploy@203.0.113.20")

    found = application(environment)
    assert {name: (each.address, each.user, each.port) for name, each in environment.hosts.items()} == {
        "server1": ("203.0.113.10", "deploy", 22),
        "server2": ("203.0.113.11", "root", 2222),
        "data1": ("203.0.113.20", "deploy", 22),
    }
    assert [environment.roles_of(name)[2:] for name in ("server2", "data1")] == [
        ("nginx", "nodejs", "app"),
        ("postgresql", "redis"),
    ]
    assert found.hosts == "app"
    assert found.environment["DATABASE_URL"].endswith("}}@{{ hosts.data1.private_address }}/my_shop")
    assert environment.backups["my-shop"].host == "data1"
    assert done.notes[1:] == ("2 servers answer the public: lead your domain to all of their addresses, or a balancer to them",)


def test_of_two_servers_the_first_has_the_data_unless_another_is_said(tmp_path: Path) -> None:
    done, environment = written(tmp_path, {"package.json": EXPRESS, "package-lock.json": "{}"}, host="a.example.org,203.0.113.11")

    assert set(environment.roles_of("server1")) == {"base", "firewall", "postgresql", "redis", "nginx", "nodejs", "app"}
    assert set(environment.roles_of("server2")) == {"base", "firewall", "nginx", "nodejs", "app"}
    assert done.notes[1].startswith("hosts.server1: give it `private_address`")


def test_a_domain_brings_https(tmp_path: Path) -> None:
    _, environment = written(tmp_path, {"package.json": VITE, "package-lock.json": "{}"}, domain="shop.example.org")

    site = application(environment).site
    assert site
    assert (site.domains, site.tls is not None) == (("shop.example.org",), True)
    assert "certificates" in environment.roles_of("server1")


@pytest.mark.parametrize("kind", ["node", "python", "static"])
def test_a_repository_that_cannot_be_read_is_no_hindrance_where_the_kind_is_said(tmp_path: Path, kind: str) -> None:
    wanted = Wanted(environment="mine", host=HOST, git=f"file://{tmp_path}/us/shop.git", kind=kind, needs="postgresql,redis")
    done = first_inventory(tmp_path, wanted)

    assert (done.app, len([note for note in done.notes if "could not be read" in note])) == ("shop", 1)
    assert faults_of(tmp_path, load_environment(tmp_path, "mine")) == []
    assert not (tmp_path / ".windlass" / ".gitignore").exists()  # no repository, nothing to keep out of


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"host": "deploy@"}, "--host 'deploy@' is no server"),
        ({"host": f"{HOST},root@203.0.113.10:2222"}, "--host names 203.0.113.10 twice"),
        ({"data": "deploy@203.0.113.20"}, "nothing says what the server of --data is to hold"),
        ({"data": "a b", "needs": "redis"}, "--data 'a b' is no server"),
        ({"kind": "java"}, "--kind 'java' is not known"),
        ({"kind": "compose", "git": "/nowhere"}, "is not in this project"),
        ({"kind": "compose", "git": "shop"}, "there is no compose.yml in"),
        ({"kind": "compose", "git": "shop", "domain": "shop.example.org"}, "--domain is nothing for a Compose stack"),
        ({"needs": "mysql"}, "--needs 'mysql' is not known"),
        ({"app": "My_Shop"}, "'My_Shop' cannot name an application"),
        ({"environment": "../x"}, "'../x' cannot be an environment"),
        ({"git": "/nowhere/at/all"}, "/nowhere/at/all cannot be read"),
        ({"folder": "api"}, "has no folder api"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_written(tmp_path: Path, said: Mapping[str, str], message: str) -> None:
    code = repository(tmp_path / "shop", {"package.json": VITE})
    with pytest.raises(UsageError) as error:
        first_inventory(tmp_path, Wanted(**{"environment": "mine", "host": HOST, "git": str(code), **said}))

    assert message in error.value.message
    assert error.value.hint
    assert not (tmp_path / "inventories").exists()


STACK = """\
services:
  web:
    image: shop:${TAG:?which}
    ports: ["${PORT:-8080}:80", "127.0.0.1:9090:9090", "[::1]:9091:9091", "443:443/udp", {published: 8443, target: 443}, "80"]
    environment: {DATABASE_URL: "postgresql://shop:$POSTGRES_PASSWORD@db/shop", COST: $$5, MODE: "${MODE:-live}"}
    env_file: [./web.env, here.env]
  db: {image: postgres, environment: [POSTGRES_PASSWORD, POSTGRES_USER=shop]}
  mail: {image: mail, environment: {SMTP_TOKEN: , SMTP_PORT: 25}}
  # off: {image: "off:$OFF"}
"""


def test_a_compose_stack_gets_its_doors_and_secrets(tmp_path: Path) -> None:
    code = repository(tmp_path / "stacks/shop", {"docker-compose.yml": STACK, "here.env": ""})
    done = first_inventory(tmp_path, Wanted(environment="mine", host=HOST, folder=str(code.relative_to(tmp_path)), kind="compose"))
    environment = load_environment(tmp_path, "mine")
    stack, firewall = (dict(environment.settings("server1", role)) for role in ("stack", "firewall"))

    assert faults_of(tmp_path, environment) == []
    assert (done.app, done.guess.kind, environment.roles_of("server1")) == (
        "shop",
        "compose",
        ("base", "firewall", "docker", "stack"),
    )
    assert [(each.port, each.protocol) for each in firewall["openings"]] == [(8080, "tcp"), (443, "udp"), (8443, "tcp")]
    assert (stack["folder"], stack["place"]) == ("stacks/shop", "/srv/shop")
    assert (stack["environment"], list(stack["secrets"])) == ({"TAG": ""}, ["POSTGRES_PASSWORD", "SMTP_TOKEN"])
    assert [note.partition(":")[0] for note in done.notes] == [
        "web",
        "web.env is not in the repository",
        "stack.environment",
    ]


CONTAINERS = """\
services:
  db: {image: "postgres:16", environment: [POSTGRES_PASSWORD]}
  web: {build: ., ports: ["8080:3000"], depends_on: [cache, db], environment: {TOKEN: $API_TOKEN, ZONE: $ZONE, RELEASE: $RELEASE}}
  cache: {build: cache}
  mail: {build: ., command: mail, environment: [SMTP_HOST, RELEASE]}
"""


def test_an_application_in_containers_gets_its_processes_and_is_told_what_its_compose_file_lacks(tmp_path: Path) -> None:
    code = repository(tmp_path / "shop", {"compose.yml": CONTAINERS, "package.json": "{}"})
    done = first_inventory(tmp_path, Wanted(environment="mine", host=HOST, git=str(code), kind="containers"))
    environment = load_environment(tmp_path, "mine")
    shop = environment.application("shop")

    assert faults_of(tmp_path, environment) == []
    assert environment.roles_of("server1") == ("base", "firewall", "nginx", "docker", "app")
    assert (shop.runtime, list(shop.processes), shop.web.name) == ("compose", ["web", "mail"], "web")
    assert dict(shop.environment) == {
        "RELEASE": "{{ release }}",
        "ZONE": "",
        "SMTP_HOST": "",
        "API_TOKEN": "{{ secrets.api_token }}",
    }
    assert done.notes == (
        'web of compose.yml should have ports: ["127.0.0.1:${PORT}:3000"]: each slot has a port, and only nginx asks it',
        "db holds data, and a slot is no place for them: take it out of compose.yml, for a role or a stack",
        "environment: what is ZONE to be?",
        "environment: what is SMTP_HOST to be?",
        "`health.path`: no usual one (/healthz, /health) is in the code; does / answer 200 when all is well?",
    )
    with pytest.raises(UsageError, match="do not reach the host's own services"):
        first_inventory(tmp_path, Wanted(environment="more", host=HOST, git=str(code), kind="containers", needs="postgresql"))


def test_a_stack_is_seen_where_nothing_else_is_there_and_told_of_where_it_is(tmp_path: Path) -> None:
    alone = repository(tmp_path / "alone", {"compose.yml": "services: {web: {ports: [80:80]}}\n"})
    done = run_tasks(alone, "init", "--host", HOST)
    beside, _ = written(tmp_path, {"package.json": VITE, "package-lock.json": "{}", "compose.yml": ""})

    assert done.stdout.splitlines()[1] == "alone: compose, seen by compose.yml"
    assert "deploy" not in done.stdout.partition("next:")[2]
    assert beside.notes == (
        "there is a compose.yml, too: with --kind containers it is what is deployed, with --kind compose a stack that is set up",
    )


def test_what_is_there_stays(tmp_path: Path) -> None:
    code = repository(tmp_path / "shop", {"package.json": VITE})
    place = tmp_path / "inventories" / "mine"
    place.mkdir(parents=True)
    (place / "hosts.yml").write_text("mine")
    with pytest.raises(WindlassError) as error:
        first_inventory(tmp_path, Wanted(environment="mine", host=HOST, git=str(code)))

    assert (error.value.exit_code, [path.name for path in place.iterdir()]) == (4, ["hosts.yml"])


def test_in_the_applications_own_repository_only_the_host_is_said(tmp_path: Path) -> None:
    code = repository(tmp_path / "shop", {"package.json": VITE, "package-lock.json": "{}"})
    done = run_tasks(code, "init", "--host", "root@[2001:db8::10]:2222")
    checked = run_tasks(code, "inventory.check")

    assert (done.returncode, done.stderr) == (0, "")
    assert "shop: static, seen by package.json and vite" in done.stdout.splitlines()
    assert "  invoke setup --env production" in done.stdout.splitlines()
    assert checked.stdout == "production: good (1 host, 1 application)\n"
    assert (code / ".windlass/.gitignore").read_text() == "*\n"


def test_a_compose_file_of_hundreds_of_levels_is_told(tmp_path: Path) -> None:
    code = repository(tmp_path / "shop", {"compose.yml": f"services:\n {'- ' * 9000}"})

    with pytest.raises(UsageError, match=r"compose.yml is nested too deeply to be read"):
        first_inventory(tmp_path, Wanted(environment="mine", host=HOST, git=str(code), kind="containers"))
