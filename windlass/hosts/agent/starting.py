"""Starting the agent at the other end: what sudo asks, what a login shell prints, and what it means when nothing starts."""

from __future__ import annotations

import contextlib
import getpass
import os
import socket
import time

from windlass.agent.core import frames, loader
from windlass.errors import AgentFailed, ConnectionFailed
from windlass.hosts.agent import payload
from windlass.hosts.agent.controller import identity, process_tag
from windlass.hosts.common.session import START_LIMIT, Opener, Session, lost
from windlass.hosts.common.target import Target

PARTING = 1.0  # seconds for a goodbye
MOST_NOISE = 65536  # bytes that a login may print
LACKS = (
    (payload.NO_PYTHON, "{name} has no Python", "install it there: invoke bootstrap --limit {name}, or apt-get install python3"),
    (payload.OLD_PYTHON, "{name} has a Python older than 3.8", "install a newer python3 there"),
    (
        payload.NO_NULL,
        "{user} may not write to /dev/null on {name}",
        "a file is in its place, or its rights are gone; as root there: rm -f /dev/null && mknod -m 666 /dev/null c 1 3",
    ),
)
NO_SHELL = (
    "account is currently not available",
    "account is not available",
    ": restricted",
)  # nologin and rbash; `false` says nothing


class _NoTerminal(AgentFailed):
    """sudo does nothing for who has no terminal."""


def start_command(target: Target, prompt: str = "", *, attach: bool = False, terminal: bool = False) -> str:
    """What runs on a host to start an agent there, or with `attach` to come back to one.

    prompt   what sudo says when it asks for a password
    """
    sudo = ""
    if target.sudo and target.user != "root":
        sudo = f"sudo -S -p {prompt}" if target.sudo_password else "sudo -n"
    tag = f"windlass for {getpass.getuser()}@{socket.gethostname()} {process_tag()}"
    words = (frames.ATTACH,) if attach else (f"{target.grace_seconds:g}", identity())
    return payload.start_command(sudo=sudo, tag=tag, words=words, terminal=terminal)


class Starting:
    """One start. `session` carries the command from the beginning; `finish` gives it the agent.

    attach   not a new agent, but a way back to one that lost its connection
    """

    def __init__(self, target: Target, opener: Opener, *, attach: bool = False) -> None:
        self._target = target
        self._opener = opener
        self._attach = attach
        self._prompt = os.urandom(12).hex()
        self._heard = b""
        self._given = False
        self.session = self._begun(terminal=False)

    def give_agent(self) -> None:
        """Send the agent already, where sudo asks nothing before it."""
        if self._target.sudo_password is None and not self._given:
            self._send_agent()

    def part(self) -> None:
        """It is not wanted after all: the agent ends at once instead of waiting for somebody to come back, and we hang up."""
        with contextlib.suppress(OSError, EOFError, ConnectionFailed):
            if self._given:
                self.session.wait_at_most(PARTING)
                self.session.send(frames.encode(frames.BYE, {}))
                while self.session.receive(1 << 16):  # the goodbye of who hangs up while something comes may not arrive
                    pass
        self.session.close()

    def _send_agent(self) -> None:
        self._given = True
        with contextlib.suppress(OSError):  # it may have ended already, and what it said then tells more
            self.session.send(payload.payload())

    def _begun(self, *, terminal: bool) -> Session:
        command = start_command(self._target, self._prompt, attach=self._attach, terminal=terminal)
        return self._opener(self._target, command)

    def finish(self) -> bytes:
        """Send the agent, skip what a login shell may print up to the mark, and give what came behind it.

        Where sudo may ask for a password, wait to see whether it does; otherwise nothing is waited for. Where it wants a terminal
        (requiretty), it is started anew with one: `session` is another one afterwards. Raises AgentFailed, ConnectionFailed.
        """
        try:
            return self._finish()
        except _NoTerminal:
            self.session.close()
            self._heard = b""
            self._given = False
            self.session = self._begun(terminal=True)
            return self._finish()

    def _finish(self) -> bytes:
        if self._target.sudo_password is not None:
            self._answer_sudo(self._target.sudo_password.reveal())
        if not self._given:
            self._send_agent()
        self.session.wait_at_most(START_LIMIT)
        while payload.READY not in self._heard:
            self._take(self._receive(), "")
        return self._with_spares(self._heard.split(payload.READY, 1)[1])

    def _with_spares(self, said: bytes) -> bytes:
        """Most hosts go on with the hello; one with python3-minimal first asks for what its standard library lacks."""
        while len(said) < len(loader.SPARES) and loader.SPARES.startswith(said):
            data = self._receive()
            if not data:
                break
            said += data
        if not said.startswith(loader.SPARES):
            return said
        with contextlib.suppress(OSError):
            self.session.send(payload.spares())
        return said[len(loader.SPARES) :]

    def _receive(self) -> bytes:
        try:
            return self.session.receive(1 << 18)
        except TimeoutError:
            raise lost(self._target, f"it has said nothing for {START_LIMIT:.0f} s") from None
        except (OSError, EOFError) as error:
            raise lost(self._target, error) from error

    def _answer_sudo(self, password: str) -> None:
        self.session.wait_at_most(0.1)
        asked, complaint = False, ""
        deadline = time.monotonic() + START_LIMIT
        while payload.READY not in self._heard:
            complaint += self.session.errors()
            if self._prompt in complaint and asked:
                raise self._no_root("sudo did not take the password")
            if time.monotonic() > deadline:
                raise self._no_root("sudo did not answer")
            try:
                if self._prompt in complaint:
                    asked, complaint = True, ""
                    self.session.send(password.encode() + b"\n")
                data = self.session.receive(4096)
            except TimeoutError:
                continue
            except (OSError, EOFError) as error:
                raise lost(self._target, error) from error
            self._take(data, complaint)

    def _take(self, data: bytes, complaint: str) -> None:
        self._heard += data
        if not data or (len(self._heard) > MOST_NOISE and payload.READY not in self._heard):
            raise self._no_start(complaint + self.session.errors())

    def _no_root(self, message: str) -> AgentFailed:
        name = self._target.name
        return AgentFailed(f"{message} on {name}", host=name, hint="check the sudo password; it was tried once only")

    def _no_start(self, complaint: str) -> AgentFailed:
        name, user = self._target.name, self._target.user
        lines = [*self._heard.decode("utf-8", "replace").splitlines(), *complaint.splitlines()][-8:]
        for mark, message, hint in LACKS:
            if mark in self._heard:
                said = [line for line in lines if not line.startswith("WINDLASS NO-")]
                return AgentFailed(message.format(name=name, user=user), host=name, last_lines=said, hint=hint.format(name=name))
        if "must have a tty" in complaint:
            message = f"sudo on {name} wants a terminal (requiretty), and is not content with the one that it was given"
            return _NoTerminal(message, host=name, hint=f"write `Defaults:{user} !requiretty` into a file of /etc/sudoers.d there")
        if len(self._heard) > MOST_NOISE:
            message = f"the login on {name} prints more than {MOST_NOISE >> 10} KiB before the agent can start"
            hint = f"let the shell files of {user} there (.bashrc, .profile) print nothing where nobody looks: test -t 1 || return"
        elif "sudo" in complaint:
            message, hint = f"{name} does not let {user} become root", f"let {user} use sudo there"
            if self._target.sudo_password is None:
                hint += " without a password, or give the password with --ask-sudo-password; the first is, as root there:"
                hint += f" echo '{user} ALL=(ALL:ALL) NOPASSWD: ALL' >/etc/sudoers.d/{user}"
        elif not lines or any(words in "".join(lines) for words in NO_SHELL):
            message, hint = f"{user} gets no shell on {name}", f"give {user} a login shell there: usermod -s /bin/sh {user}"
        else:
            message, hint = f"the agent did not start on {name}", "run the login by hand to see more"
        return AgentFailed(message, host=name, last_lines=lines, hint=hint)
