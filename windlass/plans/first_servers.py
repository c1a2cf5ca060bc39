"""Which servers a first inventory has, and what each is for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from windlass.errors import UsageError

APP: Final = "app"  # the group of those that run the application, where there are several
DATA: Final = "data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One of them, as it is called, logged in to and reached."""

    name: str
    user: str
    address: str
    port: int = 22

    @property
    def is_numeric(self) -> bool:
        """Whether it is said by its IP address, as the rules of firewalls and databases need it."""
        try:
            return bool(ip_address(self.address))
        except ValueError:
            return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """`app` run the application and answer the public; `data` holds its database and Redis, and may be one of them."""

    app: tuple[Server, ...]
    data: Server

    @property
    def all(self) -> tuple[Server, ...]:
        return tuple(dict.fromkeys((*self.app, self.data)))

    @property
    def is_one(self) -> bool:
        return len(self.all) == 1

    @property
    def where(self) -> str:
        """How an application says on which hosts it runs."""
        return self.app[0].name if len(self.app) == 1 else APP

    @property
    def data_address(self) -> str:
        """Where the application finds its database."""
        return "127.0.0.1" if self.is_one else f"{{{{ hosts.{self.data.name}.private_address }}}}"


def servers(hosts: str, data: str, me: str) -> Servers:
    """What `--host` and `--data` say. `me` logs in where no user is said. Raises UsageError."""
    words = [word.strip() for word in hosts.split(",") if word.strip()]
    if not words:
        raise UsageError("which server? say --host USER@ADDRESS", hint="such as --host deploy@203.0.113.10; several with commas")
    app = tuple(_server(f"server{number}", "--host", word, me) for number, word in enumerate(words, 1))
    doubled = {each.address for each in app if [other.address for other in app].count(each.address) > 1}
    if doubled:
        raise UsageError(f"--host names {min(doubled)} twice", hint="each server once, with commas between")
    return Servers(app=app, data=_data(data.strip(), app, me))


def _data(word: str, app: Sequence[Server], me: str) -> Server:
    if not word:
        return app[0]
    said = _server("data1", "--data", word, me)
    return next((each for each in app if each.address == said.address), said)


def _server(name: str, option: str, word: str, me: str) -> Server:
    """`deploy@203.0.113.10:2222` in its parts. An IPv6 address with a port has brackets."""
    user, at, rest = word.rpartition("@")
    found = re.fullmatch(r"\[([0-9a-fA-F:]+)\](?::(\d+))?|([A-Za-z0-9][A-Za-z0-9.-]*)(?::(\d+))?|([0-9a-fA-F:]+)", rest)
    if not found or (at and not user):
        raise UsageError(
            f"{option} {word!r} is no server",
            hint="such as deploy@203.0.113.10, or deploy@shop.example.org:2222; several with commas",
        )
    address = found[1] or found[3] or found[5]
    return Server(name=name, user=user or me, address=address, port=int(found[2] or found[4] or 22))


def doubts(found: Servers, *, needs: bool, domain: bool) -> tuple[str, ...]:
    """What a person should look at before the first setup."""
    noted = []
    if needs and not found.is_one and not found.data.is_numeric:
        noted.append(f"hosts.{found.data.name}: give it `private_address`, the IP address under which the other servers reach it")
    if needs and not found.is_one:
        unknown = [each.name for each in found.app if each is not found.data and not each.is_numeric]
        noted += [f"hosts.{name}: give it `private_address`, for the firewall of {found.data.name}" for name in unknown]
    if len(found.app) > 1:
        whose = "the domain" if domain else "your domain"
        noted.append(f"{len(found.app)} servers answer the public: lead {whose} to all of their addresses, or a balancer to them")
    return tuple(noted)
