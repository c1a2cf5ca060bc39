"""Those who are not watching are told: through a real HTTP server and a real mail server on loopback."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.ports import reserved
from tests.unit.sample_project import HOSTS, run_tasks, surroundings, write_project
from windlass.errors import BackupError, RefusedError
from windlass.events import Event, Note
from windlass.flows.backups.attempts import attempts
from windlass.flows.backups.backup import BackedUp
from windlass.flows.backups.messengers import deliver, webhook
from windlass.flows.backups.watch import watched
from windlass.flows.workspace import Workspace, open_workspace
from windlass.inventory import Backup
from windlass.tasks.backup_words import backed_up
from windlass.values import Secret

HOOK = "a-token-nobody-else-may-know"
PASSWORD = "the password of the mailbox"  # noqa: S105 - of a server that this file starts


class Heard:
    """A web server that keeps what it was told; it answers with `status`, after `wait` seconds."""

    def __init__(self) -> None:
        self.status, self.wait = 200, 0.0
        self.requests: list[tuple[str, str, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                outer.requests.append((self.path, self.headers["Content-Type"], body))
                time.sleep(outer.wait)
                self.send_response(outer.status)
                self.end_headers()

            def log_message(self, *_words: object) -> None:
                """Tests read what was asked, not a log."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Heard]:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    heard = Heard()
    Thread(target=heard.server.serve_forever, daemon=True).start()
    yield heard
    heard.server.shutdown()
    heard.server.server_close()


def opened(folder: Path, settings: str, backup: str = "") -> Workspace:
    write_project(folder)
    hosts = HOSTS.replace("confirm: false}", "confirm: false, notify: {" + settings + "}}").replace(
        "token: {generate: 20}", "hook:\n  smtp:"
    )
    backups = f"backups:\n  shop: {{database: shop, host: web1, directory: backups{backup}}}\n"
    (folder / "inventories" / "staging" / "hosts.yml").write_text(hosts + backups)
    return open_workspace(folder, "staging")


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINDLASS_SECRET_HOOK", HOOK)
    monkeypatch.setenv("WINDLASS_SECRET_SMTP", PASSWORD)


def attempt(workspace: Workspace, error: BaseException | None = None, what: Any = "backup") -> list[Event]:
    """Something that is watched: it succeeds, or fails with an error. What was told meanwhile."""
    told: list[Event] = []

    def work() -> str:
        if error is not None:
            raise error
        return "done"

    if error is None:
        assert watched(workspace, workspace.environment.backup("shop"), what, work, told.append) == "done"
    else:
        with pytest.raises(type(error)):
            watched(workspace, workspace.environment.backup("shop"), what, work, told.append)
    return told


FAILURE = BackupError(
    "the dump is empty", hint="look at the host", last_lines=["pg_dump: error: no such table", f"while asking {HOOK} about it"]
)


def test_a_dead_man_s_switch_hears_of_begin_success_and_failure_and_no_secret(tmp_path: Path, web: Heard) -> None:
    workspace = opened(tmp_path, "", f', ping: "{web.url}/{{{{ secrets.hook }}}}/nightly"')

    attempt(workspace)
    attempt(workspace, FAILURE)
    attempt(workspace, what="drill")

    assert [path for path, _kind, _body in web.requests] == [
        f"/{HOOK}/nightly/start",
        f"/{HOOK}/nightly",
        f"/{HOOK}/nightly/start",
        f"/{HOOK}/nightly/fail",
    ]
    assert web.requests[3][2].splitlines() == [
        "staging: backup of shop failed: the dump is empty",
        "pg_dump: error: no such table",
        "while asking ••• about it",
        "hint: look at the host",
    ]


def test_one_switch_stands_for_all_stores_of_a_backup(tmp_path: Path, web: Heard) -> None:
    workspace = opened(tmp_path, "", f", ping: {web.url}/nightly")
    path = tmp_path / "inventories" / "staging" / "hosts.yml"
    path.write_text(
        path.read_text().replace("directory: backups", "stores: [near, far]")
        + "stores:\n  near: {directory: near}\n  far: {directory: far}\n"
    )
    workspace = open_workspace(tmp_path, "staging")
    near, far = workspace.environment.backup("shop").each_store()

    def fails() -> None:
        raise FAILURE

    with pytest.raises(BackupError):
        watched(workspace, near, "backup", fails)
    watched(workspace, far, "backup", lambda: None)
    watched(workspace, near, "backup", lambda: None)

    told = [(path.rpartition("/")[2], body.splitlines()[-1]) for path, _kind, body in web.requests]
    assert [signal_name for signal_name, _line in told] == ["start", "fail", "start", "fail", "start", "nightly"]
    assert told[3][1] == "near: the dump is empty"


def test_a_webhook_hears_of_a_failure_a_refusal_and_of_their_end_but_not_of_every_success(tmp_path: Path, web: Heard) -> None:
    workspace = opened(tmp_path, f'webhook: "{web.url}/{{{{ secrets.hook }}}}"')

    attempt(workspace)
    attempt(workspace, FAILURE)
    attempt(workspace, RefusedError("it is held by somebody else"))
    attempt(workspace)
    attempt(workspace)
    bodies = [json.loads(body) for _path, _kind, body in web.requests]
    first = bodies[0]

    assert {(path, kind) for path, kind, _body in web.requests} == {(f"/{HOOK}", "application/json")}
    assert [(each["event"], each["text"]) for each in bodies] == [
        ("failed", "staging: backup of shop failed: the dump is empty"),
        ("refused", "staging: backup of shop was refused: it is held by somebody else"),
        ("recovered", "staging: backup of shop works again"),
    ]
    assert {each["since"] for each in bodies} == {first["at"]}
    assert datetime.fromisoformat(first["at"]) - datetime.now(UTC) < timedelta(minutes=1)
    assert {**first, "at": "", "since": "", "operator": ""} == {
        "format": 1,
        "text": "staging: backup of shop failed: the dump is empty",
        "event": "failed",
        "what": "backup",
        "environment": "staging",
        "name": "shop",
        "store": "directory",
        "database": "shop",
        "host": "web1",
        "operator": "",
        "at": "",
        "since": "",
        "message": "the dump is empty",
        "hint": "look at the host",
        "last_lines": ["pg_dump: error: no such table", "while asking ••• about it"],
    }


def test_what_fails_of_a_drill_says_nothing_about_backups(tmp_path: Path, web: Heard) -> None:
    workspace = opened(tmp_path, f"webhook: {web.url}")

    attempt(workspace, FAILURE, "drill")
    attempt(workspace)
    attempt(workspace, what="drill")

    assert [json.loads(body)["text"] for _path, _kind, body in web.requests] == [
        "staging: drill of shop failed: the dump is empty",
        "staging: drill of shop works again",
    ]


def test_a_message_that_does_not_arrive_is_told_and_changes_nothing(tmp_path: Path, web: Heard) -> None:
    workspace = opened(tmp_path, f'webhook: "{web.url}/{{{{ secrets.hook }}}}"', ', ping: "http://127.0.0.1:9/{{ secrets.hook }}"')
    web.status = 503

    told = attempt(workspace, FAILURE)

    texts = [each.text for each in told if isinstance(each, Note) and each.warning]
    assert texts == [
        "the dead man's switch could not be told about staging: backup of shop: Connection refused",
        "the dead man's switch could not be told about staging: backup of shop: Connection refused",
        "the webhook could not be told about staging: backup of shop: it answered 503",
    ]
    assert HOOK not in " ".join(texts)


def test_a_server_that_never_answers_keeps_nobody() -> None:
    with socket.create_server(("127.0.0.1", 0)):
        late = deliver({"the webhook": lambda: time.sleep(60)}, limit=0.2)

    assert late == {"the webhook": "no answer within 0.2 s"}


def test_what_is_no_web_server_is_told_as_such() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:

        def answer() -> None:
            with door.accept()[0] as caller:
                caller.recv(65536)
                caller.sendall(b"220 mail.example.org ready\r\n")

        Thread(target=answer, daemon=True).start()
        address = Secret(f"http://127.0.0.1:{door.getsockname()[1]}/{HOOK}")
        failed = deliver({"the webhook": lambda: webhook(address, {})})

    assert failed == {"the webhook": "what it answered is no HTTP"}


def test_an_address_that_cannot_be_one_is_told_and_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    failed = deliver({"the webhook": lambda: webhook(Secret(f"http://127.0.0.1/{HOOK} of/us"), {})})

    assert failed == {"the webhook": "its URL cannot be used"}
    assert capsys.readouterr() == ("", "")


class Mailbox:
    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.recipients: list[str] = []
        self.logins: list[tuple[str, str]] = []
        self.encrypted: list[bool] = []

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        assert isinstance(envelope.content, bytes)
        self.messages.append(message_from_bytes(envelope.content, policy=default))
        self.recipients += envelope.rcpt_tos
        self.encrypted.append(session.ssl is not None)
        return "250 OK"

    def log_in(self, _server: SMTP, _session: Session, _envelope: Envelope, _how: str, given: object) -> AuthResult:
        assert isinstance(given, LoginPassword)
        self.logins.append((given.login.decode(), given.password.decode()))
        return AuthResult(success=given.password.decode() == PASSWORD)


@contextmanager
def mail_server(box: Mailbox, folder: Path, monkeypatch: pytest.MonkeyPatch, **more: Any) -> Iterator[int]:
    """A mail server on loopback that offers STARTTLS with a certificate of its own, which this process is told to believe."""
    import ssl  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
    signed = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False).sign(key, hashes.SHA256())
    pem = folder / "server.pem"
    pem.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + signed.public_bytes(Encoding.PEM))
    (folder / "ca.pem").write_bytes(signed.public_bytes(Encoding.PEM))
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    with reserved() as port:
        server = Controller(box, "127.0.0.1", port, tls_context=context, authenticator=box.log_in, **more)
        server.start()
        try:
            yield port
        finally:
            server.stop()


def test_an_e_mail_goes_by_starttls_with_a_login_to_everybody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box = Mailbox()
    with mail_server(box, tmp_path, monkeypatch, require_starttls=True, auth_required=True) as port:
        workspace = opened(
            tmp_path,
            "email: {to: [ops@example.org, boss@example.org], sender: windlass@example.org, "
            f'smtp: {{host: localhost, port: {port}, user: mailer, password: "{{{{ secrets.smtp }}}}"}}}}',
        )
        told = attempt(workspace, FAILURE)
    (message,) = box.messages

    assert told == []
    assert (box.logins, box.encrypted) == ([("mailer", PASSWORD)], [True])
    assert box.recipients == ["ops@example.org", "boss@example.org"]
    assert message["Subject"] == "[windlass] staging: backup of shop failed: the dump is empty"
    assert (message["From"], message["To"]) == ("windlass@example.org", "ops@example.org, boss@example.org")
    assert message["Auto-Submitted"] == "auto-generated"
    text = message.get_content().splitlines()  # type: ignore[attr-defined]
    assert "what      backup of shop (database shop on web1)" in text
    assert text[-5:] == [
        "the dump is empty",
        "pg_dump: error: no such table",
        "while asking ••• about it",
        "",
        "hint: look at the host",
    ]


def test_a_mail_server_whose_certificate_is_not_believed_gets_no_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box = Mailbox()
    with mail_server(box, tmp_path, monkeypatch) as port:
        monkeypatch.delenv("SSL_CERT_FILE")
        workspace = opened(
            tmp_path,
            "email: {to: [ops@example.org], sender: windlass@example.org, "
            f'smtp: {{host: localhost, port: {port}, user: mailer, password: "{{{{ secrets.smtp }}}}"}}}}',
        )
        (told,) = attempt(workspace, FAILURE)

    assert isinstance(told, Note)
    assert "the e-mail could not be told about staging: backup of shop" in told.text
    assert (box.logins, box.messages) == ([], [])


SLOW = """
import time
from pathlib import Path
from windlass.flows.backups.watch import watched
from windlass.flows.workspace import open_workspace
workspace = open_workspace(Path(), "staging")
watched(workspace, workspace.environment.backup("shop"), "backup", lambda: (print("ready", flush=True), time.sleep(600)))
"""


def test_a_run_that_is_told_to_end_is_told_of(tmp_path: Path, web: Heard) -> None:
    workspace = opened(tmp_path, f"webhook: {web.url}")
    told = "it was told to end (SIGTERM), as a time limit does"
    with subprocess.Popen(
        [sys.executable, "-c", SLOW], cwd=tmp_path, env=surroundings(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as run:
        assert run.stdout is not None
        run.stdout.readline()
        os.kill(run.pid, signal.SIGTERM)
        run.communicate(timeout=60)

    assert run.returncode != 0
    assert [json.loads(body)["message"] for _path, _kind, body in web.requests] == [told]
    assert attempts(workspace, "shop")["backup"].failed == told


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ("webhook: hooks.example.org/x", "should be a URL that begins with https://"),
        ('webhook: "https://hooks.example.org/{{ secrets.huk }}"', "huk"),
        ("email: {to: [], sender: a@example.org}", "at least 1"),
        ("email: {to: [nobody], sender: a@example.org}", "should be an e-mail address"),
        (
            "email: {to: [a@example.org], sender: a@example.org, smtp: {host: mail, security: none, user: me, password: x}}",
            "a password would travel unprotected",
        ),
    ],
)
def test_settings_that_would_tell_nobody_are_faults_of_the_inventory(tmp_path: Path, settings: str, why: str) -> None:
    write_project(tmp_path)
    hosts = HOSTS.replace("confirm: false}", "confirm: false, notify: {" + settings + "}}")
    (tmp_path / "inventories" / "staging" / "hosts.yml").write_text(hosts)

    done = run_tasks(tmp_path, "inventory.check", "--env", "staging")

    assert done.returncode == 2
    assert why in done.stderr


def test_a_fault_of_ours_keeps_no_other_backup_from_being_made() -> None:
    entries = [Backup.model_validate({"name": name, "host": "web1", "database": name, "directory": "kept"}) for name in "abc"]
    tried: list[str] = []

    def flow(entry: Backup) -> BackedUp:
        tried.append(entry.name)
        raise ZeroDivisionError if entry.name == "a" else BackupError(f"no room for {entry.name}")

    with pytest.raises(ZeroDivisionError):
        backed_up(entries, flow)

    assert tried == ["a", "b", "c"]
