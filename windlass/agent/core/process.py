"""Running programs on the host: clean environment, a limit on time, output captured, children that hold none of our files."""

from __future__ import annotations

import os
import pwd
from typing import IO, TYPE_CHECKING, Dict, List, Optional, Sequence, Tuple, Union

from windlass.agent.core import listening
from windlass.agent.core.outcome import OperationError
from windlass.agent.core.parts import signal

if TYPE_CHECKING:
    import subprocess

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PIPE, DEVNULL = -1, -3  # as `subprocess` has them, which is loaded for the first program
CAPTURED = (DEVNULL, PIPE, PIPE)
# What the site set for every session (pam_env reads /etc/environment): proxies and certificate bundles.
INHERITED = (
    "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "NODE_EXTRA_CA_CERTS",
    "npm_config_cafile", "npm_config_registry", "GIT_SSL_CAINFO",
)  # fmt: skip


class Completed:
    """A program that has ended: its exit status, and what it wrote."""

    def __init__(self, arguments: Sequence[str], status: int, output: bytes, errors: bytes) -> None:
        self.arguments = list(arguments)
        self.status = status
        self.output = output
        self.errors = errors

    @property
    def text(self) -> str:
        return self.output.decode("utf-8", "replace")

    def last_lines(self, count: int = 20) -> List[str]:
        """The last lines written to standard error, else to standard output: what a person wants to see of a failure."""
        written = self.errors.strip() or self.output.strip()
        return written.decode("utf-8", "replace").splitlines()[-count:]


def lines(text: str) -> List[str]:
    """The lines of what a program or a file says; `str.splitlines` would also cut at U+2028, form feeds and the like."""
    found = text.split("\n")
    return found if found[-1] else found[:-1]


def environment(user: str = "", extra: Optional[Dict[str, str]] = None) -> Dict[str, str]:
    """A clean environment for a child: nothing of the SSH session but proxies and certificate bundles."""
    account = pwd.getpwnam(user) if user else pwd.getpwuid(os.geteuid())
    clean = {name: os.environ[name] for name in INHERITED if name in os.environ}
    clean.update(PATH=PATH, LANG="C.UTF-8", HOME=account.pw_dir, USER=account.pw_name, LOGNAME=account.pw_name)
    clean.update(DEBIAN_FRONTEND="noninteractive", SHELL="/bin/sh")
    clean.update(extra or {})
    return clean


def as_user(arguments: Sequence[str], user: str) -> List[str]:
    """The same command as another user, with that user's groups and nothing of root's."""
    if not user or pwd.getpwuid(os.geteuid()).pw_name == user:
        return list(arguments)
    account = pwd.getpwnam(user)
    return ["setpriv", "--reuid", user, "--regid", str(account.pw_gid), "--init-groups", "--no-new-privs", "--"] + list(arguments)


def start(
    arguments: Sequence[str],
    user: str = "",
    extra: Optional[Dict[str, str]] = None,
    folder: str = "/",
    pipes: Tuple[int, int, int] = CAPTURED,
) -> "subprocess.Popen[bytes]":
    """A running program in a session of its own, so that it can be ended with all of its children.

    `pipes` are its standard input, output and error. Raises OperationError if there is no such program or user.
    """
    import subprocess  # noqa: PLC0415 - many a batch runs no program

    try:
        return subprocess.Popen(
            as_user(arguments, user),
            stdin=pipes[0],
            stdout=pipes[1],
            stderr=pipes[2],
            env=environment(user, extra),
            cwd=folder,
            start_new_session=True,
        )
    except KeyError:
        raise OperationError("there is no user %s on this host" % user, hint="invoke setup makes those of applications") from None
    except OSError as error:
        raise OperationError(
            "cannot start %s: %s" % (arguments[0], error.strerror or error), hint="is it installed here?"
        ) from error


def output_of(process: "subprocess.Popen[bytes]") -> "IO[bytes]":
    """The pipe from a program that was started with one."""
    if process.stdout is None:
        raise OperationError("the program was started without a pipe to read from")
    return process.stdout


def end(process: "subprocess.Popen[bytes]") -> None:
    """Kill a program and everything it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def run(
    arguments: Sequence[str],
    user: str = "",
    extra: Optional[Dict[str, str]] = None,
    folder: str = "/",
    give: Union[bytes, str, None] = None,
    limit: float = 600.0,
) -> Completed:
    """Run a program to its end, `give` on its standard input. Raises OperationError past `limit` seconds."""
    pipes = CAPTURED if give is None else (PIPE, PIPE, PIPE)
    process = start(arguments, user, extra, folder, pipes)
    data = give.encode() if isinstance(give, str) else give
    import subprocess  # noqa: PLC0415 - as in `start`

    try:
        output, errors = listening.communicate(process, data, limit)
    except subprocess.TimeoutExpired:
        end(process)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
        raise OperationError(
            "%s took longer than %g s and was ended" % (arguments[0], limit),
            hint="raise the limit of this operation, or find out what it waits for",
        ) from None
    return Completed(arguments, process.returncode, output or b"", errors or b"")


def must(
    arguments: Sequence[str],
    user: str = "",
    extra: Optional[Dict[str, str]] = None,
    folder: str = "/",
    give: Union[bytes, str, None] = None,
    limit: float = 600.0,
) -> Completed:
    """Like `run`, but a non-zero exit status is an OperationError with the program's last lines."""
    completed = run(arguments, user, extra, folder, give, limit)
    if completed.status != 0:
        raise OperationError(
            "%s ended with status %d" % (" ".join(arguments[:4]), completed.status), last_lines=completed.last_lines()
        )
    return completed
