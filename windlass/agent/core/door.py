"""The private socket by which a controller comes back to its agent: who knows the token of the hello is let in."""

from __future__ import annotations

import os
import select
from typing import TYPE_CHECKING, Any, Iterator, Tuple

from windlass.agent.core import frames, parts, pipes, private

if TYPE_CHECKING:
    import socket

PATIENCE = 10.0  # seconds that somebody at the door has to say who he is, and to take what he is told


class Door:
    """A socket for this user alone, called by the agent's process. `path` is empty where there is none."""

    def __init__(self) -> None:
        self.path = ""
        self.token = os.urandom(16).hex()

    def open(self) -> None:
        """Raises OSError where none can be made."""
        path = os.path.join(private.for_doors(), str(os.getpid()))
        private.remove(path)
        self._listening = parts.socket.socket(parts.socket.AF_UNIX, parts.socket.SOCK_STREAM)
        self._listening.bind(path)
        os.chmod(path, 0o600)
        self._listening.listen(4)
        self.path = path

    def close(self) -> None:
        """Nobody finds it any more."""
        if self.path:
            private.remove(self.path)

    def knocks(self) -> "Iterator[Tuple[socket.socket, int]]":
        """Everybody who comes with the token, and how many bytes he says that he has heard."""
        select.select([self._listening], [], [])
        import socket  # noqa: PLC0415 - few lines break

        door = socket.socket(fileno=self._listening.detach())
        while True:
            connection = door.accept()[0]
            try:
                connection.settimeout(PATIENCE)
                heard = self._asked(connection)
            except (EOFError, OSError, KeyError, TypeError, ValueError, frames.BrokenFrame):
                connection.close()
            else:
                yield connection, heard

    def _asked(self, connection: Any) -> int:
        kind, body = frames.read(lambda length: pipes.received(connection, length))
        said = frames.decode(body, kind)
        import hmac  # noqa: PLC0415 - few lines break

        if kind != frames.LINE or not hmac.compare_digest(str(said["token"]), self.token):
            raise ValueError("not the line's token")
        return int(said["heard"])
