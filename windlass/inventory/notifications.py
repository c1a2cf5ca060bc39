"""Who is told when a backup, a drill or a prune fails, and when it works again."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from windlass.inventory.schema import Address, Entry, Matching, Port, Template

MailAddress = Annotated[
    str, Matching(r"[^\s<>@,;:\"()\[\]\\]+@[^\s<>@,;:\"()\[\]\\]+", "an e-mail address such as ops@example.org")
]
WebAddress = Annotated[
    Template,
    Matching(r"(?:https?://[^\s]+|[^\s{]*\{\{.*)?", "a URL that begins with https://, or a template such as `{{ secrets.hook }}`"),
]


class Smtp(Entry):
    """The server that takes e-mail."""

    host: Address
    """Its name or address; a certificate has to be valid for it"""
    port: Port = 587
    """Its port: 587 with starttls, 465 with tls"""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection is protected"""
    user: str = ""
    """Who logs in; without it nobody does"""
    password: Template = ""
    """The password, as `{{ secrets.smtp }}`"""

    @model_validator(mode="after")
    def _protected(self) -> Smtp:
        if self.user and self.security == "none":
            raise ValueError("a password would travel unprotected: say `security: starttls` or `tls`")
        if bool(self.user) != bool(self.password):
            raise ValueError("`user` and `password` belong together")
        return self


class Email(Entry):
    """E-mail about failures."""

    to: Annotated[tuple[MailAddress, ...], Field(min_length=1)]
    """Who gets it"""
    sender: MailAddress
    """Whom it is from"""
    smtp: Smtp | None = None
    """The server that takes it; without one the `sendmail` of this machine does"""


class Notify(Entry):
    """Who is told of failures, and of the end of them."""

    webhook: WebAddress = ""
    """URL that gets a JSON object by POST, as docs/formats/notification.md describes; may hold a secret"""
    email: Email | None = None
    """Who gets an e-mail"""
