"""The second way to a host: the `ssh` program. Keys in hardware (FIDO), Kerberos, all of ssh_config: it is the real client.

Host keys are as strict as on the other way, and nothing is ever asked for (BatchMode). With `keep_seconds` the connection
stays open in the background for the next run (ControlMaster), which then needs no login.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import select
import shlex
import subprocess
import time
from pathlib import Path

from windlass.errors import ConnectionFailed
from windlass.hosts.retrying import DROPPED, persistently, turnstile
from windlass.hosts.session import START_LIMIT, Session
from windlass.hosts.target import Target

FAILED = 255  # what ssh ends with when the connection, not the command, has failed
KEX_FIRST = "^curve25519-sha256,curve25519-sha256@libssh.org"  # its own first choice costs five times as much processor time
MARK = b"WINDLASS IN\n"  # what the login's shell says when it begins with our command
MOST_NOISE = MOST_COMPLAINT = 65536
UNREACHABLE = "Connection refused|timed out|No route to host|Network is unreachable|Could not resolve"
LONGEST_SOCKET = 80  # a unix socket's path may have 107 bytes, and ssh appends 17 while it makes one


class LoginFailed(Exception):  # noqa: N818 - reads as what happened
    """ssh ended without a login; the text is what it said."""


class ProgramSession:
    """One `ssh` at work: bytes in, bytes out, bytes of standard error aside. Nothing is read before it is asked for."""

    def __init__(self, arguments: list[str]) -> None:
        self.sent = 0
        self.received = 0
        self._limit = START_LIMIT
        self._ahead = b""
        self._complaint = b""
        self._process = subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, start_new_session=True
        )  # in a session of its own: Ctrl-C is for us, who let the host end its step first
        pipes = (self._process.stdin, self._process.stdout, self._process.stderr)
        self._in, self._out, self._err = (pipe.fileno() for pipe in pipes if pipe)
        for descriptor in (self._in, self._err):
            os.set_blocking(descriptor, False)

    def send(self, data: bytes) -> None:
        """Send all of it. Raises OSError when the connection is gone, TimeoutError past the limit."""
        view = memoryview(data)
        while view:
            if not select.select([], [self._in], [], self._limit)[1]:
                raise TimeoutError("ssh takes no more bytes")
            with contextlib.suppress(BlockingIOError):
                count = os.write(self._in, view[: 1 << 16])
                self.sent += count
                view = view[count:]

    def begin(self) -> None:
        """Wait until the login has let the command begin, or has ended. Raises TimeoutError, LoginFailed."""
        heard = b""
        while MARK not in heard:
            data = self.receive(65536)
            heard += data
            if not data and self._ended() == FAILED:
                raise LoginFailed(self.errors())
            if not data or len(heard) > MOST_NOISE:
                self._ahead = heard  # no login of ours: whoever expects the agent will say what it is instead
                return
        self._ahead = heard.split(MARK, 1)[1]

    def receive(self, most: int) -> bytes:
        """What has come, at least a byte; empty at the end. Raises TimeoutError past the limit."""
        if self._ahead:
            data, self._ahead = self._ahead[:most], self._ahead[most:]
            return data
        deadline = time.monotonic() + self._limit
        waiting = [self._out, self._err]
        while True:
            ready = select.select(waiting, [], [], max(0.0, deadline - time.monotonic()))[0]
            if self._out in ready:
                data = os.read(self._out, most)
                self.received += len(data)
                return data
            if not ready:
                raise TimeoutError
            if not self._take_complaint():
                waiting = [self._out]

    def _ended(self) -> int | None:
        try:
            return self._process.wait(5)
        except subprocess.TimeoutExpired:
            return None

    def _take_complaint(self) -> bool:
        """Read what ssh or the command says aside; False at its end."""
        try:
            data = os.read(self._err, 65536)
        except BlockingIOError:
            return True
        self._complaint = (self._complaint + data)[-MOST_COMPLAINT:]
        return bool(data)

    def wait_at_most(self, seconds: float) -> None:
        """How long `receive` and `send` may wait."""
        self._limit = seconds

    def errors(self) -> str:
        """What ssh and the command have written to standard error since the last call."""
        while select.select([self._err], [], [], 0)[0] and self._take_complaint():
            pass
        said, self._complaint = self._complaint, b""
        return said.decode("utf-8", "replace")

    def close(self) -> None:
        """Hang up. The far side sees the end of its input; a connection kept for the next run stays."""
        self._process.terminate()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()
        if self._ended() is None:
            self._process.kill()
            self._process.wait()


def open_session(target: Target, command: str) -> Session:
    """Connect with `ssh` and run one command. Raises ConnectionFailed with what stood in the way."""
    if target.accept_new and target.known_hosts:
        _end_last_line(target.known_hosts.expanduser())
    line = [*command_line(target), "--", target.address, f"echo {MARK.decode().strip()}; {command}"]
    try:
        return persistently(lambda: _logged_in(target, line), _was_dropped, target.connect_seconds * 2)
    except LoginFailed as error:
        raise explained(target, str(error)) from error
    except TimeoutError:
        raise explained(target, f"no login within {target.connect_seconds + 1:.0f} s") from None
    except OSError as error:
        raise ConnectionFailed(
            f"ssh cannot be started: {error}",
            host=target.name,
            hint="install openssh-client here, or leave out `transport: openssh`",
        ) from error


def _end_last_line(path: Path) -> None:
    """ssh would write the new key right behind a last line that nobody ended, where it is lost."""
    with contextlib.suppress(OSError), path.open("r+b") as file:
        if file.seek(0, os.SEEK_END) and file.seek(-1, os.SEEK_END) >= 0 and file.read(1) != b"\n":
            file.write(b"\n")


def _was_dropped(error: Exception) -> bool:
    if not isinstance(error, LoginFailed) or re.search(f"{UNREACHABLE}|[Hh]ost key", str(error)):
        return False  # what a jump host met with ends in "Connection closed", too
    return bool(re.search(DROPPED, str(error), re.MULTILINE))


def _logged_in(target: Target, line: list[str]) -> ProgramSession:
    gate = turnstile(target.jump.address, target.jump.port) if target.jump else contextlib.nullcontext()
    with gate, contextlib.ExitStack() as undo:
        session = ProgramSession(line)
        undo.callback(session.close)
        session.wait_at_most(target.connect_seconds + 1)  # ssh itself gives up a little earlier, and says why
        session.begin()
        undo.pop_all()
        session.wait_at_most(START_LIMIT)
        return session


def command_line(target: Target) -> list[str]:
    """`ssh` with all options, without the host and the command."""
    options = {
        "BatchMode": "yes",
        "LogLevel": "ERROR",
        "EscapeChar": "none",
        "RequestTTY": "no",
        "ClearAllForwardings": "yes",
        "ConnectTimeout": str(max(1, round(target.connect_seconds))),
        "ServerAliveInterval": "15",
        "ServerAliveCountMax": "2",
        "KexAlgorithms": KEX_FIRST,
        "StrictHostKeyChecking": "accept-new" if target.accept_new else "yes",
        "HashKnownHosts": "no",
        "UpdateHostKeys": "no",
    }
    if target.known_hosts:
        options |= {"UserKnownHostsFile": str(target.known_hosts.expanduser()), "GlobalKnownHostsFile": "/dev/null"}
    if target.private_key:
        options |= {"IdentityFile": str(target.private_key), "IdentitiesOnly": "yes", "IdentityAgent": "none"}
    if target.user:
        options["User"] = target.user
    if target.port != 22:  # the user's ssh_config may know another one
        options["Port"] = str(target.port)
    if target.jump:
        way = shlex.join([*command_line(target.jump), "-W", "[HOST]:PORT", "--", target.jump.address])
        options["ProxyCommand"] = way.replace("%", "%%").replace("'[HOST]:PORT'", "'[%h]:%p'")
    return ["ssh", "-T", *_as_arguments(options | _kept(target, options))]


def _as_arguments(options: dict[str, str]) -> list[str]:
    return [part for name, value in options.items() for part in ("-o", f"{name}={value}")]


def _kept(target: Target, options: dict[str, str]) -> dict[str, str]:
    """The connection outlives the run. Only who would open the very same finds it: all options name it."""
    if not target.keep_seconds:
        return {"ControlMaster": "no", "ControlPath": "none"}
    name = hashlib.sha256(repr((target.address, sorted(options.items()))).encode()).hexdigest()[:24]
    return {"ControlMaster": "auto", "ControlPath": str(_sockets() / name), "ControlPersist": str(target.keep_seconds)}


def _sockets() -> Path:
    """A folder that only we can enter: who can reach a socket in it is logged in."""
    for place in (os.environ.get("XDG_RUNTIME_DIR"), "~/.ssh"):
        folder = Path(place or "/nonexistent").expanduser() / "windlass"
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, parents=place == "~/.ssh", exist_ok=True)
            state = folder.lstat()
            if state.st_uid == os.getuid() and not state.st_mode & 0o077 and len(str(folder)) < LONGEST_SOCKET - 24:
                return folder
    raise ConnectionFailed(
        "there is no safe folder for the connections that are kept",
        hint="~/.ssh/windlass must be a folder of yours with mode 0700, and its path short; or set keep_connections: 0",
    )


# What ssh says, what we say to it, and what to do. The first that fits counts.
_MEANINGS = (
    (r"REMOTE HOST IDENTIFICATION HAS CHANGED|Host key for .* has changed", "{where} shows another host key than before",
     "if the host was rebuilt, remove its line from {known}; if not, somebody is in between"),
    (r"No \S+ host key is known for|Host key verification failed", "{where}: its key is not found in known_hosts",
     "compare the host's key and add it to {known}, or run once with --accept-new"),
    (r"Permission denied", "{where} does not let us in: {last}",
     "check the user and key in the inventory, and that the key is in the host's authorized_keys"),
    (UNREACHABLE, "{where} cannot be reached: {last}", "check that the host is up, and its address and port in the inventory"),
    (DROPPED, "{where}: {last}",
     "sshd hung up before the login: the host is overloaded, or MaxStartups is reached; run it again"),
    (r"", "{where} cannot be reached: {last}", "check that the host is up, and its address and port in the inventory"),
)  # fmt: skip


def explained(target: Target, complaint: str) -> ConnectionFailed:
    """What ssh complained of, in the words that the other way has for it."""
    lines = [line.strip() for line in complaint.splitlines() if line.strip()]
    hop = target
    while hop.jump and re.search(rf"(?<![\w.]){re.escape(hop.jump.address)}(?![\w.])", complaint):
        hop = hop.jump
    where = f"{hop.name} ({hop.user + '@' if hop.user else ''}{hop.address}:{hop.port})"
    where += "" if hop is target else f", the way to {target.name},"
    known = target.known_hosts or Path("~/.ssh/known_hosts").expanduser()
    found = (meaning for meaning in _MEANINGS if re.search(meaning[0], complaint, re.MULTILINE))
    pattern, message, hint = next(found)
    telling = [line for line in lines if re.search(pattern, line)]
    words = {"where": where, "known": known, "last": telling[-1] if telling else "ssh said nothing"}
    return ConnectionFailed(message.format(**words), host=target.name, hint=hint.format(**words), last_lines=lines[-8:])
