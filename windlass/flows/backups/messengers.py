"""How those are told who are not watching: a ping, a webhook, an e-mail. They have ten seconds and change nothing of a run."""

from __future__ import annotations

import json
import smtplib
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from http.client import HTTPException, InvalidURL
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from windlass.errors import WindlassError
from windlass.inventory.notifications import Email, Smtp
from windlass.values import Secret

LIMIT = 10.0  # seconds for all messages about one event together
PING_BYTES = 10_000  # what healthchecks.io keeps of a body at least


def deliver(messages: Mapping[str, Callable[[], None]], limit: float = LIMIT) -> dict[str, str]:
    """Send all at once; for each that did not arrive, why. No exception and no slow server keeps the caller longer than `limit`."""
    failed: dict[str, str] = {}

    def send(name: str, message: Callable[[], None]) -> None:
        try:
            message()
        except (OSError, HTTPException, smtplib.SMTPException, subprocess.SubprocessError, ValueError, WindlassError) as error:
            failed[name] = _reason(error)

    threads = {name: threading.Thread(target=send, args=(name, message), daemon=True) for name, message in messages.items()}
    for thread in threads.values():
        thread.start()
    until = time.monotonic() + limit
    for thread in threads.values():
        thread.join(max(0.0, until - time.monotonic()))
    late = {name: f"no answer within {limit:g} s" for name, thread in threads.items() if thread.is_alive()}
    return {**late, **failed}


def ping(address: Secret, signal: str, body: str) -> None:
    """Tell a dead man's switch: `start`, `fail`, or nothing when all went well. Raises OSError or ValueError."""
    parts = urlsplit(address.reveal())
    path = f"{parts.path.rstrip('/')}/{signal}" if signal else parts.path
    _post(urlunsplit(parts._replace(path=path)), body.encode(errors="replace")[-PING_BYTES:], "text/plain; charset=utf-8")


def webhook(address: Secret, content: Mapping[str, Any]) -> None:
    """Give a JSON object to whoever listens there. Raises OSError or ValueError."""
    _post(address.reveal(), json.dumps(content).encode(), "application/json")


def email(settings: Email, password: Secret, subject: str, text: str) -> None:
    """Send an e-mail, by the server of the settings or this machine's sendmail. Raises OSError, SMTPException, SubprocessError."""
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, settings.sender, ", ".join(settings.to)
    message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain=settings.sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    if settings.smtp is not None:
        _by_smtp(settings.smtp, password, message)
        return
    command = ["/usr/sbin/sendmail", "-i", "-f", settings.sender, "--", *settings.to]
    subprocess.run(command, input=message.as_bytes(), capture_output=True, timeout=LIMIT, check=True)


def _by_smtp(smtp: Smtp, password: Secret, message: EmailMessage) -> None:
    context = ssl.create_default_context()
    if smtp.security == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(smtp.host, smtp.port, timeout=LIMIT, context=context)
    else:
        server = smtplib.SMTP(smtp.host, smtp.port, timeout=LIMIT)
    with server:
        if smtp.security == "starttls":
            server.starttls(context=context)
        if smtp.user:
            server.login(smtp.user, password.reveal())
        server.send_message(message)


def _post(address: str, body: bytes, kind: str) -> None:
    if urlsplit(address).scheme not in ("http", "https"):
        raise ValueError("its URL does not begin with http:// or https://")
    request = urllib.request.Request(  # noqa: S310 - the scheme was looked at
        address, data=body, headers={"Content-Type": kind, "User-Agent": "windlass"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=LIMIT) as answer:  # noqa: S310
            answer.read(PING_BYTES)
    except urllib.error.HTTPError as refusal:
        refusal.close()  # it is an answer, too
        raise


def _reason(error: Exception) -> str:
    """Why, without the address: whoever knows that of a webhook can speak through it."""
    if isinstance(error, urllib.error.HTTPError):
        return f"it answered {error.code}"
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, Exception):
        return _reason(error.reason)
    if isinstance(error, smtplib.SMTPResponseException):
        return f"the mail server answered {error.smtp_code}"
    if isinstance(error, OSError):
        return str(error.strerror or type(error).__name__)
    return error.message if isinstance(error, WindlassError) else _in_words(error)


def _in_words(error: Exception) -> str:
    if isinstance(error, subprocess.SubprocessError):
        return "sendmail did not take it"
    no_http = isinstance(error, HTTPException) and not isinstance(error, InvalidURL)
    return "what it answered is no HTTP" if no_http else "its URL cannot be used"
