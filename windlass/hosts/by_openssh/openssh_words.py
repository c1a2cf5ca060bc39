"""What the system's ssh says when there is no way in, as the errors that every other way in gives, too."""

from __future__ import annotations

import re
from typing import Final

from windlass.errors import ConnectionFailed
from windlass.hosts.common import refusals
from windlass.hosts.common.refusals import by_hand, place
from windlass.hosts.common.retrying import DROPPED, ONCE, TRIES_DROPPED, TRIES_REFUSED
from windlass.hosts.common.session import FORWARD, LOOK, SILENT, UP, NotLetIn
from windlass.hosts.common.target import Target
from windlass.terminal import harmless

WORDS: Final = (  # what ssh writes, and what is to be done about it
    ("REMOTE HOST IDENTIFICATION HAS CHANGED", "shows another host key than before", "changed"),
    ("key is known for", "has a host key that nobody knows yet", "unknown"),
    ("Host key verification failed", "has a host key that nobody knows yet", "unknown"),
    ("Permission denied", "does not let us in", "login"),
    ("Too many authentication failures", "does not let us in: too many keys were tried", "login"),
    (r"timed out during banner exchange|^Connection to \S+ port \d+ timed out", SILENT, "silent"),
    ("administratively prohibited", "cannot be reached: its jump host lets nobody through", "forward"),
    ("stdio forwarding failed", "cannot be reached: its jump host finds nobody there", ""),
    ("mux_client", "cannot be reached over the connection that an earlier run left", "again"),
)
REFUSED: Final = r"ssh: connect to host \S+ port \d+: Connection refused"
NOT_DROPPED: Final = r"forwarding failed|[Cc]onnection refused|timed out|Could not resolve|No route to host"
HINTS: Final = {
    "unknown": "compare the key that `{ssh}` shows with the host's own, then run once with --accept-new",
    "changed": "if the host was rebuilt, remove its line from the known hosts; if not, somebody is in between",
    "login": "check the user and key in the inventory and `ssh-add -l`; to put a key of yours onto the host: {ssh_copy_id}",
    "again": "run the same again",
    "silent": LOOK,
    "forward": FORWARD,
    "": UP + "; by hand: {ssh}",
}

KERBEROS: Final = "; where it is a ticket of Kerberos that lets you in, `klist`"


def tries(complaint: str) -> int:
    """Often if sshd hung up before it let us say who we are, and a little if nobody is there.

    Of a way through a jump host ssh says that it was hung up on, whatever stood in that way.
    """
    if re.fullmatch(REFUSED, complaint.strip()):
        return TRIES_REFUSED
    known = any(re.search(words, complaint, re.MULTILINE) for words, _meaning, _hint in WORDS) or re.search(NOT_DROPPED, complaint)
    return TRIES_DROPPED if not known and re.search(DROPPED, complaint, re.MULTILINE) else ONCE


def stalled(target: Target) -> ConnectionFailed:
    """It neither lets us in nor refuses us, of which ssh itself says nothing."""
    return refusals.stalled(target)


def failure(target: Target, complaint: str) -> ConnectionFailed:
    """ssh's own words as the error that every other way in gives, too."""
    where = place(target)
    lines = [harmless(line) for line in complaint.strip().splitlines() if line.strip(" @")]
    typed = {"ssh": by_hand(target), "ssh_copy_id": by_hand(target, "ssh-copy-id")}
    for words, meaning, hint in WORDS:
        if re.search(words, complaint, re.MULTILINE):
            kind = NotLetIn if hint in ("unknown", "changed", "login") else ConnectionFailed
            advice = HINTS[hint].format(**typed) + (KERBEROS if hint == "login" and "gssapi" in complaint else "")
            return kind(f"{where} {meaning}", host=target.name, hint=advice, last_lines=lines[-6:])
    reason = lines[-1] if lines else "ssh gave no reason"
    return ConnectionFailed(
        f"{where} cannot be reached: {reason}", host=target.name, hint=HINTS[""].format(**typed), last_lines=lines[-6:-1]
    )
