"""The system's own `ssh` as the way in, instead of Paramiko: FIDO keys, GSSAPI, and whatever else the user's ssh_config knows.

A first login leaves a master connection behind (ControlMaster), on which the next run is there in a few milliseconds. Host keys are
checked as strictly as on the other way, and nothing is ever asked of a person in between (BatchMode).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
import signal
import subprocess
import time
from pathlib import Path
from typing import Any, Final, NoReturn

from windlass.errors import ConnectionFailed
from windlass.hosts.by_openssh import ssh_login, ssh_pipes
from windlass.hosts.by_openssh.ssh_jumps import jumps
from windlass.hosts.common import programs
from windlass.hosts.common.descriptors import READABLE, WRITABLE, readable, ready
from windlass.hosts.common.retrying import pause, turnstile
from windlass.hosts.common.session import SILENCE_LIMIT
from windlass.hosts.common.target import Target

FAILED: Final = 255  # what ssh itself ends with when it could not connect, or lost the line
LONGEST_SOCKET: Final = 90  # characters: a unix socket's path may have 107, and ssh adds some while it makes it
KEPT_ERRORS: Final = 65536
# sntrup761, the default, costs the controller 60 ms of its processor a login, this one 10.
KEY_EXCHANGE: Final = "^curve25519-sha256,curve25519-sha256@libssh.org"
# What ssh has first is chacha20-poly1305 in plain C of its own: content then costs both ends twice the processor time.
CIPHERS: Final = "^aes128-gcm@openssh.com,aes256-gcm@openssh.com"
ALIVE: Final = {"ServerAliveInterval": "5", "ServerAliveCountMax": str(int(SILENCE_LIMIT // 5))}


def command_line(target: Target, level: str = "INFO") -> list[str]:
    """The words that start ssh towards a target, without a command.

    level   how much it says: less would leave us without a reason, and far more fill a pipe that nobody reads meanwhile
    """
    options = {
        "BatchMode": "yes",
        "ConnectTimeout": str(max(1, round(target.connect_seconds))),
        "KexAlgorithms": KEY_EXCHANGE,
        "Ciphers": CIPHERS,
        "StrictHostKeyChecking": "accept-new" if target.accept_new else "yes",
        "ForwardAgent": "no",
        "ClearAllForwardings": "yes",  # what else a person's configuration has for this host is meant for him
        "RemoteCommand": "none",
        "LogLevel": level,
        **ALIVE,
        **_keys(target),
        **_sharing(target),
    }
    if target.jump:  # not -J: that would ask nobody's host key but the user's own files for the jump host
        options["ProxyCommand"] = shlex.join([*command_line(target.jump), "-W", "[%h]:%p", _host(target.jump)]).replace(
            "'[%h]:%p'", "[%h]:%p"
        )
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    port = ["-p", str(target.port)] if target.port != 22 else []
    return ["ssh", "-T", *words, *port]


def program(target: Target, command: str) -> list[str]:
    """The words that run one command on a host."""
    return [*command_line(target, ssh_login.LEVEL), _host(target), command]


def _host(target: Target) -> str:
    return f"{target.user}@{target.address}" if target.user else target.address


def _keys(target: Target) -> dict[str, str]:
    found: dict[str, str] = {}
    if target.known_hosts:
        found |= {"UserKnownHostsFile": f'"{target.known_hosts}"', "GlobalKnownHostsFile": "none"}
    if target.private_key:
        found |= {"IdentityFile": f'"{target.private_key}"', "IdentitiesOnly": "yes", "IdentityAgent": "none"}
    return found


def _sharing(target: Target) -> dict[str, str]:
    """Where the master of this very target listens; another user, port, key or way to it is another master."""
    if target.warm_seconds <= 0:
        return {"ControlMaster": "no", "ControlPath": "none"}
    return {"ControlMaster": "auto", "ControlPath": f'"{_socket(target)}"', "ControlPersist": str(round(target.warm_seconds))}


def _socket(target: Target) -> Path:
    known_by = repr((target.address, target.user, target.port, target.private_key, target.known_hosts, target.jump))
    return sockets_folder() / hashlib.sha256(known_by.encode()).hexdigest()[:20]


def _is_warm(target: Target) -> bool:
    """Whether an earlier run has left a connection: then nobody logs in."""
    return target.warm_seconds > 0 and _socket(target).exists()


def sockets_folder() -> Path:
    """A folder that only this user may enter: who can reach a master's socket is in. Raises ConnectionFailed."""
    folder = Path(os.environ.get("XDG_RUNTIME_DIR") or Path.home() / ".ssh") / "windlass"
    if len(str(folder)) > LONGEST_SOCKET - 20:
        import tempfile  # noqa: PLC0415 - it takes its time, before every login

        folder = Path(tempfile.gettempdir()) / f"windlass-{os.geteuid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.geteuid() or status.st_mode & 0o077 or not folder.is_dir() or folder.is_symlink():
        raise ConnectionFailed(f"{folder} is not this user's alone", hint=f"remove it, or: chmod 700 {folder}")
    return folder


class Session:
    """A running ssh with one command at its other end."""

    def __init__(self, target: Target, command: str) -> None:
        self.sent = 0
        self.received = 0
        self._target = target
        self._command = command
        self._limit = SILENCE_LIMIT
        self._waiting = bytearray()  # what was sent while nothing has come
        self._said = b""  # on standard error, meanwhile
        self._complaints = b""  # what nobody has asked for yet
        self._deadline = time.monotonic() + target.connect_seconds
        self._tries = 1
        self._places = contextlib.ExitStack()  # at the doors of the jump hosts
        for place in () if _is_warm(target) else sorted(set(jumps(target))):  # in one order, or two would wait for each other
            self._places.enter_context(turnstile(*place))
        try:
            self._start()
        except ConnectionFailed:
            self._leave_place()
            raise

    def _start(self) -> None:
        target = self._target
        try:
            self._process = programs.start(program(target, self._command))
        except OSError as error:
            raise ConnectionFailed(
                f"ssh cannot be started: {error.strerror}", host=target.name, hint="install it: apt-get install openssh-client"
            ) from error
        pipes = (self._process.stdin, self._process.stdout, self._process.stderr)
        self._input, self._output, self._errors = (pipe.fileno() for pipe in pipes if pipe is not None)
        for descriptor in (self._input, self._errors):
            os.set_blocking(descriptor, False)
        self._outgoing = ssh_pipes.Outgoing(self._input)
        ssh_pipes.widen(self._output, ssh_pipes.ANSWERS)
        self._login = ssh_login.Login(target, warm=_is_warm(target))

    def send(self, data: bytes | bytearray) -> None:
        """Send all of it. Raises OSError when the line is dead or takes nothing for too long."""
        if not self.received:
            self._waiting += data
        self._write(data)

    def _write(self, data: bytes | bytearray) -> None:
        view = memoryview(data)
        while view:
            if not ready(self._input, WRITABLE, self._limit):
                raise OSError("ssh takes no more bytes")
            with contextlib.suppress(BlockingIOError):
                count = os.write(self._input, view[: 1 << 18])
                self.sent += count
                view = view[count:]
                self._outgoing.after(count, len(view))

    def receive(self, most: int) -> bytes:
        """What has come, at least a byte; empty at the end. Raises TimeoutError, and ConnectionFailed where there was no way in."""
        while True:
            if not self._comes(time.monotonic() + self._limit):
                raise TimeoutError
            data = os.read(self._output, most)
            self.received += len(data)
            if self.received:
                self._leave_place()
                return data
            if not self._comes_again():
                self._leave_place()
                self._explain()
                return data

    def _comes(self, deadline: float) -> bool:
        """Whether there was something on standard output in time, or its end. Raises ConnectionFailed for a login that stalls."""
        while not self._login.is_over:
            if self._login.left < 0:
                self._give_up()
            seconds = min(deadline - time.monotonic(), self._login.left)
            came = readable((self._output, self._errors), seconds)
            self._login.is_over = self._output in came or (self._errors in came and not self._listen())
            self._login.hear(self._said)
            if not came and time.monotonic() >= deadline:
                return False
        return ready(self._output, READABLE, deadline - time.monotonic())

    def _give_up(self) -> NoReturn:
        """End ssh at once, with what leads it there: nobody has been given anything to whom we had to say goodbye."""
        self._leave_place()
        os.killpg(self._process.pid, signal.SIGTERM)
        raise _words().stalled(self._target)

    def wait_at_most(self, seconds: float) -> None:
        """Set the limit of `receive` and `send`."""
        self._limit = seconds

    def errors(self) -> str:
        """What was written to standard error since the last call."""
        self._listen()
        said, self._complaints = self._complaints, b""
        return ssh_login.without_its_own(said.decode("utf-8", "replace"))

    def _listen(self) -> bytes:
        """Take what stands on standard error now."""
        more = b""
        with contextlib.suppress(BlockingIOError):
            more = os.read(self._errors, KEPT_ERRORS)
        self._complaints += more
        if not self.received:
            self._said = (self._said + more)[-KEPT_ERRORS:]
        return more

    def close(self) -> None:
        """Hang up; a master stays for the next run."""
        self._leave_place()
        self._end()

    def _end(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        programs.let_end(self._process)

    def _leave_place(self) -> None:
        """Somebody else may log in at the jump hosts now."""
        self._places.close()

    def _comes_again(self) -> bool:
        """Where sshd had too many at its door, start ssh anew after a pause, with what it was sent. Whether it was."""
        self._collect()
        wait = pause(self._tries)
        if self._process.returncode != FAILED or self._tries >= _words().tries(self._said.decode("utf-8", "replace")):
            return False
        if time.monotonic() + wait > self._deadline or (self._target.sudo_password and self._waiting):
            return False
        self._end()
        time.sleep(wait)
        self._tries += 1
        self._said = self._complaints = b""
        self._start()
        with contextlib.suppress(OSError):  # it has ended already: that is seen when an answer is waited for
            self._write(bytes(self._waiting))
        return True

    def _explain(self) -> None:
        """Nothing ever came: say why, if it was ssh that failed and not the command."""
        if self._process.returncode == FAILED:
            said = ssh_login.without_its_own(self._said.decode("utf-8", "replace"))
            raise _words().failure(self._target, said)

    def _collect(self) -> None:
        """Wait for the end of ssh, and read standard error to its end, which a master left behind may never close."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5.0)
        deadline = time.monotonic() + 0.2
        while time.monotonic() < deadline and ready(self._errors, READABLE, 0.05):
            if not self._listen():
                break


def _words() -> Any:
    """What is known of what ssh says, which only matters where it fails."""
    from windlass.hosts.by_openssh import openssh_words  # noqa: PLC0415 - few logins fail

    return openssh_words


def open_session(target: Target, command: str) -> Session:
    """Start one command on a host. What stands in the way is told when the first answer is waited for."""
    return Session(target, command)
