"""Every error that Windlass raises on purpose, drawn as one tree.

WindlassError                      something went wrong; exit code 1
├── UsageError                     wrong command line; nothing was touched; exit code 2
├── InventoryError                 the inventory is wrong; all faults at once; nothing was touched; exit code 2
├── RefusedError                   a lock, a guard or a confirmation said no; exit code 4
├── HostError                      one host could not do what it was asked
│   ├── ConnectionFailed           no way to the host, or the link was lost
│   ├── AgentFailed                the host could not run the agent, or it died
│   └── OperationFailed            an operation on the host failed
│       └── HeldByAnother          another run has the host's lock, and nothing was done there; exit code 4
├── FlowFailed                     several hosts took part and not all did it; exit code 1 or 3
├── BuildFailed                    no artefact came out of the build
├── BackupError                    a backup could not be made, verified or restored
├── CertificateError               a site does not serve the certificate that it should
└── LabError                       this machine cannot run the lab, or a lab host did not come up

An error says what happened and where; `hint` says what to do; `last_lines` are the last words of whatever failed.
They are caught and printed in one place: `windlass.tasks.door`.
"""

from __future__ import annotations

from collections.abc import Sequence

DONE = 0
FAILED = 1
WRONG_USAGE = 2
PARTLY_DONE = 3
REFUSED = 4


class WindlassError(Exception):
    """Base of all errors that are shown to a person without a traceback."""

    exit_code = FAILED

    def __init__(self, message: str, *, hint: str = "", host: str = "", tried: str = "", last_lines: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.host = host
        self.tried = tried
        self.last_lines = tuple(last_lines)


class UsageError(WindlassError):
    """The command line asks for something that does not exist or does not fit."""

    exit_code = WRONG_USAGE


class InventoryError(WindlassError):
    """The inventory cannot be used; `last_lines` holds one line per fault, each with file and line."""

    exit_code = WRONG_USAGE


class RefusedError(WindlassError):
    """A lock is held, a guard objects, or a person said no. Nothing was changed."""

    exit_code = REFUSED


class HostError(WindlassError):
    """One host could not do what it was asked."""


class ConnectionFailed(HostError):  # noqa: N818 - reads as what happened
    """No connection to the host, or the connection was lost."""


class AgentFailed(HostError):  # noqa: N818 - reads as what happened
    """The host could not start the agent (no Python, no sudo), or the agent died."""


class OperationFailed(HostError):  # noqa: N818 - reads as what happened
    """An operation on the host failed; `tried` names it."""


class HeldByAnother(OperationFailed):
    """Another run holds the lock that the operation needs: nothing of it was done."""

    exit_code = REFUSED


class FlowFailed(WindlassError):  # noqa: N818 - reads as what happened
    """A flow across hosts failed; `hosts` says for each host what is true there now."""

    def __init__(
        self,
        message: str,
        *,
        hosts: dict[str, str],
        partly: bool = False,
        hint: str = "",
        last_lines: Sequence[str] = (),
    ) -> None:
        super().__init__(message, hint=hint, last_lines=last_lines)
        self.hosts = hosts
        self.exit_code = PARTLY_DONE if partly else FAILED


class BuildFailed(WindlassError):  # noqa: N818 - reads as what happened
    """The build of an application gave no artefact."""


class BackupError(WindlassError):
    """A backup could not be made, verified or restored."""


class CertificateError(WindlassError):
    """A site does not serve the certificate that it should, or serves it no longer for long."""


class LabError(WindlassError):
    """This machine cannot run the lab, or a lab host did not come up."""
