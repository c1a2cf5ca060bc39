"""A site as its visitors see it: one name, the addresses that answer to it, and whose word about certificates is believed."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

import httpx

from demo.load import by_name


@dataclass(frozen=True, slots=True)
class Site:
    """A site.

    urls       http(s)://<address>/ of each host in front
    name       what it is asked by; empty: by its address
    authority  a file with the certificates (PEM) that are believed
    """

    urls: tuple[str, ...]
    name: str = ""
    authority: Path | None = None

    def ask(self, path: str = "", at: int = 0) -> httpx.Response:
        """Ask one of the addresses. Raises httpx.HTTPError if there is no answer, or one that is an error."""
        trust = ssl.create_default_context(cafile=self.authority) if self.authority else True
        with httpx.Client(verify=trust, timeout=10, trust_env=False) as client:
            answer = client.get(self.urls[at] + path, headers=by_name(self.name), extensions={"sni_hostname": self.name or None})
        return answer.raise_for_status()

    @property
    def arguments(self) -> list[str]:
        """The same for `python -m demo.load`."""
        urls = [word for url in self.urls for word in ("--url", url)]
        return [*urls, "--name", self.name, *(["--authority", str(self.authority)] if self.authority else [])]
